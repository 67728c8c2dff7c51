//! Which hook of the probe an event of the canary proves.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::observe::event::{Action, Event, Protocol};

/// What came out of the probe of one self-test.
pub struct Evidence {
    /// The name that the canary's deeds bear.
    nonce: String,
    /// The process of the program that the canary started.
    program: Option<u32>,
    /// Hooks that answered, with the time until then.
    seen: BTreeMap<&'static str, Duration>,
}

impl Evidence {
    /// Nothing yet of the canary with this name.
    pub const fn of(nonce: String) -> Self {
        Self {
            nonce,
            program: None,
            seen: BTreeMap::new(),
        }
    }

    /// The name that the canary's deeds bear.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// When a hook answered.
    pub fn of_hook(&self, hook: &str) -> Option<Duration> {
        self.seen.get(hook).copied()
    }

    /// Takes up an event of the agent's own cgroup, so long after the beginning.
    pub fn saw(&mut self, event: &Event, after: Duration) {
        if let Some(hook) = self.hook(event) {
            self.note(hook, after);
        }
    }

    /// Takes up packets received and sent by the agent's own cgroup.
    pub fn counted(&mut self, (received, sent): (u64, u64), after: Duration) {
        if received > 0 {
            self.note("skb_ingress", after);
        }
        if sent > 0 {
            self.note("skb_egress", after);
        }
    }

    fn note(&mut self, hook: &'static str, after: Duration) {
        self.seen.entry(hook).or_insert(after);
    }

    fn hook(&mut self, event: &Event) -> Option<&'static str> {
        let by_canary = event.comm == self.nonce;
        match &event.action {
            Action::Exec(exec) if exec.argv.first() == Some(&self.nonce) => {
                self.program = Some(event.pid);
                Some("sched_process_exec")
            }
            Action::Exit { .. } if self.program == Some(event.pid) => Some("sched_process_exit"),
            Action::OpenFailed { path, .. } if path.ends_with(&self.nonce) => Some("sys_exit"),
            Action::Fork { .. } if by_canary => Some("sched_process_fork"),
            Action::Listen { .. } if by_canary => Some("inet_sock_set_state"),
            Action::Bind { local, .. } if by_canary => Some(match local.is_ipv4() {
                true => "bind4",
                false => "bind6",
            }),
            Action::Connect { protocol, peer } if by_canary => {
                Some(match (protocol, peer.is_ipv4()) {
                    (Protocol::Udp, true) => "sendmsg4",
                    (Protocol::Udp, false) => "sendmsg6",
                    (_, true) => "connect4",
                    (_, false) => "connect6",
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::event::{Access, CgroupId, Exec, Moment, Place};

    const NAME: &str = "selftest-0a1b2c";

    fn event(comm: &str, pid: u32, action: Action) -> Event {
        Event {
            at: Moment(1),
            cgroup: CgroupId(u64::MAX),
            pid,
            comm: comm.into(),
            action,
        }
    }

    fn connect(protocol: Protocol, peer: &str) -> Action {
        Action::Connect {
            protocol,
            peer: peer.parse().unwrap_or_else(|_| panic!("{peer}")),
        }
    }

    fn exec(name: &str) -> Action {
        Action::Exec(Exec {
            filename: "/proc/self/exe".to_owned(),
            interpreter: "/usr/bin/picket".to_owned(),
            script: false,
            argv: vec![name.to_owned(), "version".to_owned()],
            argv_truncated: false,
            parent: 1,
            parent_outside: false,
            place: Place::default(),
            cwd: "/".to_owned(),
            socket_on_stdio: false,
            uid: 0,
        })
    }

    fn open(path: &str) -> Action {
        Action::OpenFailed {
            path: path.to_owned(),
            errno: 2,
            access: Access::Read,
        }
    }

    fn seen(events: &[Event]) -> Vec<&'static str> {
        let mut evidence = Evidence::of(NAME.to_owned());
        for event in events {
            evidence.saw(event, Duration::ZERO);
        }
        evidence.seen.into_keys().collect()
    }

    #[test]
    fn each_deed_of_the_canary_proves_its_hook() {
        let local = |address: &str| Action::Bind {
            protocol: Protocol::Tcp,
            local: address.parse().unwrap_or_else(|_| panic!("{address}")),
        };
        for (action, hook) in [
            (Action::Fork { child: 9 }, "sched_process_fork"),
            (connect(Protocol::Tcp, "127.0.0.1:9"), "connect4"),
            (connect(Protocol::Tcp, "[::1]:9"), "connect6"),
            (connect(Protocol::Udp, "127.0.0.1:9"), "sendmsg4"),
            (connect(Protocol::Udp, "[::1]:9"), "sendmsg6"),
            (local("127.0.0.1:0"), "bind4"),
            (local("[::1]:0"), "bind6"),
        ] {
            assert_eq!(seen(&[event(NAME, 7, action.clone())]), [hook]);
            // Somebody else in the same cgroup.
            assert!(seen(&[event("bash", 7, action)]).is_empty());
        }
        assert_eq!(
            seen(&[event("any", 7, open(&format!("/{NAME}")))]),
            ["sys_exit"]
        );
        assert!(seen(&[event(NAME, 7, open("/etc/ld.so.cache"))]).is_empty());
    }

    #[test]
    fn the_program_is_known_by_its_name_and_its_end_by_its_process() {
        let ended = |pid| event("exe", pid, Action::Exit { status: 0 });
        let started = event("exe", 9, exec(NAME));
        assert_eq!(
            seen(&[started.clone(), ended(9)]),
            ["sched_process_exec", "sched_process_exit"]
        );
        assert_eq!(seen(&[started, ended(8)]), ["sched_process_exec"]);
        assert!(seen(&[event("exe", 9, exec("picket")), ended(9)]).is_empty());
    }

    #[test]
    fn a_hook_answers_when_it_does_so_first() {
        let mut evidence = Evidence::of(NAME.to_owned());
        evidence.counted((0, 1), Duration::from_millis(5));
        evidence.counted((2, 2), Duration::from_millis(9));
        assert_eq!(
            evidence.of_hook("skb_egress"),
            Some(Duration::from_millis(5))
        );
        assert_eq!(
            evidence.of_hook("skb_ingress"),
            Some(Duration::from_millis(9))
        );
        assert_eq!(evidence.of_hook("sys_exit"), None);
    }
}
