//! What a learned wildcard vouches for.
//!
//! Names that machines make up are compared with `*` in place of what changes. Where such a name is dangerous (a program,
//! code, weights, credentials, a host on the internet), one name alone has not shown that it changes: it vouches for
//! itself and for no other that somebody may choose to look like it. From the second name on the wildcard holds.
//!
//! The fact of a shell does not say what it was told; that is kept beside it, for where it matters.

use super::facts::Seen;
use super::hash::hash64;
use crate::observe::endpoint::NAMED;
use crate::observe::event::Access;
use crate::observe::fact::{Family, Sighting};
use crate::observe::path;

/// Names from which on a wildcard holds.
pub const ENOUGH: usize = 2;

/// Ends of names that a cluster or a machine hands out itself, so that no stranger can choose one.
const PRIVATE_ENDS: [&str; 5] = [".local", ".internal", ".localdomain", ".arpa", ".lan"];

/// The name behind a wildcard that needs support, as a hash; `None` where the value vouches for itself.
#[must_use]
pub fn name_of(sighting: &Sighting) -> Option<u64> {
    let (fact, raw, marks) = (&sighting.fact, &sighting.raw, sighting.marks);
    if !fact.value.contains('*') {
        return None;
    }
    let dangerous = marks.code_path || marks.model_file || marks.secret_file || marks.escape_path;
    let name = match fact.family {
        Family::Executable => {
            let process = &sighting.process;
            return Some(hash64(&[process.exe.as_bytes(), process.script.as_bytes()]));
        }
        Family::CodeMap if marks.not_from_image || marks.fileless => raw,
        // The kernel numbers processes; nobody chooses what stands there.
        Family::FileRead | Family::FileWrite if dangerous && !raw.starts_with("/proc/") => raw,
        Family::FileChange if dangerous => raw,
        // The same host is asked for by several types of records.
        Family::DnsName => public(raw.split(": ").next()?.split(' ').next_back()?)?,
        Family::TlsName => public(raw.split(" at ").next().unwrap_or(raw))?,
        Family::Endpoint => public(raw.split_once(NAMED)?.1)?,
        _ => return None,
    };
    Some(hash64(&[name.as_bytes()]))
}

/// What a shell was told, generalised word by word, as a hash; `None` for anything but a shell, and where it is not
/// known.
#[must_use]
pub fn command_of(sighting: &Sighting) -> Option<u64> {
    if sighting.fact.family != Family::Executable || !sighting.marks.shell {
        return None;
    }
    let told = sighting.process.argv.join(" ");
    let between = |c: char| c.is_whitespace() || "\"'<>;|&()=`".contains(c);
    let words = told.split(between).filter(|word| !word.is_empty());
    let words: Vec<String> = words
        .map(|word| path::generalise(word, Access::Write))
        .collect();
    if words.is_empty() {
        return None;
    }
    let parts: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
    Some(hash64(&parts))
}

/// The hash of a host's name, as [`name_of`] makes it of what was seen; `port` has its colon.
#[must_use]
pub fn host_hash(family: Family, host: &str, port: &str) -> Option<u64> {
    let name = match family {
        Family::TlsName => format!("{host}{port}"),
        _ => host.to_owned(),
    };
    public(&name).map(|name| hash64(&[name.as_bytes()]))
}

/// The name, if it lies where anyone can register one.
fn public(name: &str) -> Option<&str> {
    let (host, _) = name.rsplit_once(':').unwrap_or((name, ""));
    let private = !host.contains('.') || PRIVATE_ENDS.iter().any(|end| host.ends_with(end));
    (!private).then_some(name)
}

impl Seen {
    /// Whether what was seen vouches for this name.
    #[must_use]
    pub fn vouches_for(&self, name: Option<u64>) -> bool {
        name.is_none_or(|name| !self.is_narrow() || self.names.contains(&name))
    }

    /// Whether it is a wildcard behind which too few names were seen.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        (1..ENOUGH).contains(&self.names.len()) && self.approved.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fact::{Fact, Marks, Origin, Phase};

    fn named(family: Family, value: &str, raw: &str) -> Sighting {
        let fact = Fact {
            family,
            origin: Origin::Server,
            value: value.to_owned(),
        };
        Sighting {
            raw: raw.to_owned(),
            ..Sighting::plain(Phase::Serve, &fact)
        }
    }

    fn marked(sighting: Sighting, mark: fn(&mut Marks)) -> Sighting {
        let mut sighting = sighting;
        mark(&mut sighting.marks);
        sighting
    }

    #[test]
    fn only_dangerous_wildcards_need_support() {
        let code = |sighting| marked(sighting, |marks| marks.not_from_image = true);
        let weights = |sighting| marked(sighting, |marks| marks.model_file = true);
        let secret = |sighting| marked(sighting, |marks| marks.secret_file = true);
        use Family::{CodeMap, DnsName, Endpoint, Executable, FileWrite, TlsName};
        for (sighting, needs) in [
            (named(Executable, "/tmp/x* <- /bin/y", "x1"), true),
            (named(Executable, "/bin/x <- /bin/y", "x"), false),
            (named(FileWrite, "/tmp/tmp*", "/tmp/tmpabcdefgh"), false),
            (weights(named(FileWrite, "/m/*.onnx", "/m/17.onnx")), true),
            (named(CodeMap, "/tmp/*.so", "/tmp/1234.so"), false),
            (code(named(CodeMap, "/tmp/*.so", "/tmp/1234.so")), true),
            (
                secret(named(
                    Family::FileRead,
                    "/proc/*/environ",
                    "/proc/7/environ",
                )),
                false,
            ),
            (
                named(DnsName, "*.s3.example.com", "A x7.s3.example.com: NOERROR"),
                true,
            ),
            (
                named(DnsName, "m-*.svc.cluster.local", "A m-7.svc.cluster.local"),
                false,
            ),
            (
                named(
                    TlsName,
                    "*.cdn.example:443",
                    "a1.cdn.example:443 at 10.0.0.7:443",
                ),
                true,
            ),
            (
                named(
                    Endpoint,
                    "tcp *.cdn.example:443",
                    "tcp 10.0.0.7:443 as a1.cdn.example",
                ),
                true,
            ),
            (
                named(Endpoint, "tcp loopback:*", "tcp 127.0.0.1:40000"),
                false,
            ),
            (
                named(Endpoint, "tcp *:80", "tcp 10.0.0.7:80 as 3f2a9b8c7d6e"),
                false,
            ),
        ] {
            assert_eq!(name_of(&sighting).is_some(), needs, "{sighting:?}");
        }
    }

    #[test]
    fn the_same_name_is_the_same_whatever_was_answered() {
        let name = |raw: &str| name_of(&named(Family::DnsName, "*.s3.example.com", raw));
        assert_eq!(
            name("A x7.s3.example.com: NOERROR 10.0.0.7 (60 s)"),
            name("AAAA x7.s3.example.com: SERVFAIL")
        );
        assert_ne!(name("A x7.s3.example.com"), name("A x8.s3.example.com"));
    }

    #[test]
    fn what_a_shell_is_told_is_compared_but_for_what_machines_make_up() {
        let told = |words: &[&str]| {
            let mut shell = named(Family::Executable, "/usr/bin/dash -c <- /srv/x", "sh");
            shell.marks.shell = true;
            shell.process.argv = words.iter().map(|word| (*word).to_owned()).collect();
            command_of(&shell)
        };
        let worker = |random: &str| {
            let command = format!("exec /srv/.cache/app/workspace_{random}/stub> /dev/null 2>&1");
            told(&["sh", "-c", &command])
        };
        assert_eq!(worker("clhir2rs"), worker("wi07ycv_"));
        assert_ne!(worker("clhir2rs"), told(&["sh", "-c", "id"]));
        assert_ne!(
            told(&["sh", "-c", "curl -s example.com"]),
            told(&["sh", "-c", "id"])
        );
        assert_eq!(
            command_of(&named(Family::Executable, "/bin/x <- /bin/y", "x")),
            None
        );
    }

    #[test]
    fn a_wildcard_holds_from_the_second_name_on() {
        let mut seen = Seen::default();
        assert!(
            seen.vouches_for(Some(1)),
            "an operator may write a wildcard"
        );
        seen.names.insert(1);
        assert!(seen.vouches_for(Some(1)) && seen.vouches_for(None));
        assert!(!seen.vouches_for(Some(2)));
        seen.names.insert(2);
        assert!(seen.vouches_for(Some(3)));
    }
}
