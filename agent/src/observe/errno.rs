//! The kernel's errors by name.

use std::borrow::Cow;

macro_rules! table {
    ($($name:ident)+) => {
        const fn known(errno: i32) -> Option<&'static str> {
            match errno {
                $(libc::$name => Some(stringify!($name)),)+
                _ => None,
            }
        }
    };
}

table! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST
    EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE
    EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP ENODATA ETIME EPROTO EBADMSG EOVERFLOW ELIBBAD EUSERS ENOTSOCK
    EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT
    EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN
    ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EDQUOT ECANCELED ENOKEY EKEYEXPIRED
    EKEYREVOKED EKEYREJECTED
}

/// Name of an error, given as the kernel returns it (negative) or as `errno` holds it: `ENOENT`; `errno <number>` for
/// one without a name here.
#[must_use]
pub fn name(errno: i32) -> Cow<'static, str> {
    let errno = errno.saturating_abs();
    known(errno).map_or_else(|| Cow::Owned(format!("errno {errno}")), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_sign_has_the_name() {
        assert_eq!(name(libc::ENOENT), "ENOENT");
        assert_eq!(name(-libc::EACCES), "EACCES");
        assert_eq!(name(-libc::ECONNREFUSED), "ECONNREFUSED");
        assert_eq!(name(-4094), "errno 4094");
        assert_eq!(name(i32::MIN), "errno 2147483647");
    }
}
