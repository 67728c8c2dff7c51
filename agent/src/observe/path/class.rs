//! Of which class a file is, for the bytes read from it and written to it.

use super::glob::matches;
use super::{folded_tree, marks};
use crate::observe::event::{Access, Action, FileClass, FileId, Mapping};

/// The class of the file with this path inside the container; `devices` are the globs of watched ones.
#[must_use]
fn class(path: &str, access: Access, devices: &[String]) -> FileClass {
    let marks = marks(path, access);
    if device(path, devices).is_some() {
        FileClass::Device
    } else if marks.secret_file {
        FileClass::Secret
    } else if marks.model_file {
        FileClass::Model
    } else if folded_tree(path).is_some() || is_program(path) {
        FileClass::Library
    } else if marks.scratch {
        FileClass::Temp
    } else {
        FileClass::Other
    }
}

/// The class of the file that was opened or mapped, for other actions `None`.
#[must_use]
pub fn class_of(action: &Action, devices: &[String]) -> Option<(FileId, FileClass)> {
    let (file, path, access) = match action {
        Action::Open {
            file, path, access, ..
        } => (file, path, *access),
        Action::Map {
            file,
            path,
            mapping,
            ..
        } => {
            let access = match mapping {
                Mapping::Code => Access::Read,
                Mapping::SharedWrite => Access::Write,
            };
            (file, path, access)
        }
        _ => return None,
    };
    Some((*file, class(path, access, devices)))
}

/// The first of these globs that the path matches.
#[must_use]
pub fn device<'a>(path: &str, devices: &'a [String]) -> Option<&'a str> {
    let glob = devices.iter().find(|glob| matches(glob, path))?;
    Some(glob.as_str())
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
            (
                "/usr/lib/python3.11/__pycache__/os.cpython-311.pyc",
                FileClass::Library,
            ),
            ("/tmp/x", FileClass::Temp),
            ("/root/.aws/credentials", FileClass::Secret),
            ("/models/id_rsa", FileClass::Secret),
            ("/app/data.json", FileClass::Other),
            ("/dev/nvidia0", FileClass::Device),
            ("/dev/null", FileClass::Temp),
            ("", FileClass::Other),
        ] {
            let devices = ["/dev/nvidia*".to_owned()];
            assert_eq!(class(path, Access::Read, &devices), expected, "{path}");
        }
    }
}
