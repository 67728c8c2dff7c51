#!/usr/bin/env python3
"""Checks manifests on standard input against the schemas of Kubernetes VERSION... and of the custom resources in crd/.

Unknown fields are errors. Resources whose kind no schema knows are named in --allow.
"""
import argparse
import json
import pathlib
import sys

import jsonschema
import kubernetes_validate
import yaml

CRD = pathlib.Path(__file__).parent / "crd"


def custom(kind):
    schema = CRD / f"{kind.lower()}.schema.json"
    return json.loads(schema.read_text()) if schema.exists() else None


def problems(document, versions):
    schema = custom(document["kind"])
    if schema:
        for error in jsonschema.Draft202012Validator(schema).iter_errors(document):
            yield f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        return
    for version in versions:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"Kubernetes {version}: {'/'.join(map(str, error.path))}: {error.message}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--allow", action="append", default=[], metavar="KIND")
    parser.add_argument("versions", nargs="+", metavar="VERSION")
    arguments = parser.parse_args()
    failed = False
    for document in yaml.safe_load_all(sys.stdin):
        if document["kind"] in arguments.allow:
            continue
        for problem in problems(document, arguments.versions):
            print(f"{document['kind']} {document['metadata']['name']}: {problem}")
            failed = True
    sys.exit(failed)


main()
