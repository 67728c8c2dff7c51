//! How a process ended, in words.

/// How a process ended, unless it ended well: `exit 3`, `killed by SIGSEGV`. `status` is what `wait` reports.
#[must_use]
pub fn abnormal(status: u32) -> Option<String> {
    let signal = status & 0x7f;
    let code = status >> 8 & 0xff;
    match (signal, code) {
        (0, 0) => None,
        (0, code) => Some(format!("exit {code}")),
        (signal, _) => Some(match i32::try_from(signal).ok().and_then(name) {
            Some(name) => format!("killed by {name}"),
            None => format!("killed by signal {signal}"),
        }),
    }
}

const fn name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        libc::SIGHUP => "SIGHUP",
        libc::SIGINT => "SIGINT",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGILL => "SIGILL",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        libc::SIGUSR1 => "SIGUSR1",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGUSR2 => "SIGUSR2",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGALRM => "SIGALRM",
        libc::SIGTERM => "SIGTERM",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGXFSZ => "SIGXFSZ",
        libc::SIGSYS => "SIGSYS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_went_wrong_is_told() {
        for (status, expected) in [
            (0, None),
            (3 << 8, Some("exit 3")),
            (255 << 8, Some("exit 255")),
            (11, Some("killed by SIGSEGV")),
            (0x80 | 6, Some("killed by SIGABRT")),
            (34, Some("killed by signal 34")),
        ] {
            assert_eq!(abnormal(status).as_deref(), expected, "{status:#x}");
        }
    }
}
