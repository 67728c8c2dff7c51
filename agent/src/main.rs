//! The `picket` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    picket::cli::main(std::env::args_os())
}
