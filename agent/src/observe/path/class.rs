//! Of which class a file is, for the bytes read from it and written to it.

use super::{folded_tree, marks};
use crate::observe::event::{Access, FileClass};

/// The class of the file with this path inside the container.
#[must_use]
pub fn class(path: &str, access: Access) -> FileClass {
    let marks = marks(path, access);
    if marks.secret_file {
        FileClass::Secret
    } else if marks.model_file {
        FileClass::Model
    } else if marks.scratch {
        FileClass::Temp
    } else if folded_tree(path).is_some() || is_program(path) {
        FileClass::Library
    } else {
        FileClass::Other
    }
}

/// Does the path lie where programs do?
fn is_program(path: &str) -> bool {
    path.rsplit_once('/')
        .is_some_and(|(directory, _)| directory.ends_with("/bin") || directory.ends_with("/sbin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_the_class_that_says_most_about_it() {
        for (path, expected) in [
            ("/models/iris/1/model.onnx", FileClass::Model),
            ("/tmp/model.onnx", FileClass::Model),
            ("/usr/lib/x86_64-linux-gnu/libc.so.6", FileClass::Library),
            ("/usr/local/bin/python3.11", FileClass::Library),
            ("/bin/sh", FileClass::Library),
            ("/tmp/x", FileClass::Temp),
            ("/root/.aws/credentials", FileClass::Secret),
            ("/models/id_rsa", FileClass::Secret),
            ("/app/data.json", FileClass::Other),
            ("", FileClass::Other),
        ] {
            assert_eq!(class(path, Access::Read), expected, "{path}");
        }
    }
}
