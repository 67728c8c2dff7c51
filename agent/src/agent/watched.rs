//! One container under watch: its identity, its counters.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use super::inventory::Existing;
use super::traffic::Traffic;
use crate::baseline::key::Key;
use crate::observe::event::{Action, CgroupId, Event, FileClass, Moment};
use crate::observe::resources::Resources;
use crate::observe::window::{FileBytes, ThreadCalls, Window};
use crate::probe::{Counted, Row, Totals};
use crate::workload::container::Container;
use crate::workload::hierarchy::Hierarchy;
use crate::workload::resources::Account;

/// Events kept for a container whose identity is still being looked up. What exceeds them is counted as lost.
pub const WAITING_EVENTS: usize = 4096;

/// How a container came under watch.
pub enum Birth {
    /// From its first instruction, when its cgroup was made.
    Seen(Moment),
    /// It was there before, with these processes.
    Before(Existing),
    /// An agent before this one watched it, or the kernel side did meanwhile. It has these processes now, and may have ended.
    TakenOver(Existing),
}

/// A container whose identity is being looked up. Nothing it does meanwhile is missed.
pub struct Waiting {
    /// Its row of counters.
    pub row: Row,
    /// How it came under watch.
    pub birth: Birth,
    /// What has been counted of it already, and up to when: by an agent before, or nothing at its birth.
    pub counted: Counted,
    /// Cgroups it made within its own.
    pub nested: BTreeSet<CgroupId>,
    /// What it did so far.
    pub events: Vec<Event>,
    /// Events beyond [`WAITING_EVENTS`].
    pub overflow: u64,
    /// When it ended, and its final counters, if it already has.
    pub ended: Option<(Moment, Totals)>,
}

/// A container under watch.
pub struct Watched {
    /// Its identity.
    pub container: Arc<Container>,
    /// The baseline it is compared with.
    pub key: Key,
    /// Its row of counters.
    pub row: Row,
    /// Its cgroup's path.
    pub path: String,
    /// Cgroups nested in its own.
    pub nested: BTreeSet<CgroupId>,
    /// Events by kind since discovery.
    pub events: BTreeMap<&'static str, u64>,
    /// What it carried since discovery.
    pub traffic: Traffic,
    /// Requests since discovery.
    pub requests: u64,
    /// Bytes read from files and written to them since discovery.
    pub file_bytes: (FileBytes, FileBytes),
    /// Findings since discovery.
    pub findings: u64,
    /// Events lost since discovery.
    pub events_lost: u64,
    /// What was lost since discovery by reason, also what arrived incomplete; only reasons that occurred.
    pub lost: BTreeMap<&'static str, u64>,
    /// The threads that made most calls in the last window.
    pub threads: Vec<ThreadCalls>,
    /// What the last window used of the machine, and its length in nanoseconds.
    pub used: (Resources, u64),
    /// Its processes are to be looked up once what waited for this agent was handled.
    pub resync: bool,
    /// Bytes moved before the kernel knew the files' classes, since the last window.
    early_bytes: (FileBytes, FileBytes),
    totals: Totals,
    /// For how long system calls had been watched when the last window ended, where they are sampled.
    pub sampled: Option<Duration>,
    account: Account,
    window_start: Moment,
}

/// A window just closed.
pub struct Closed {
    /// What was counted in it.
    pub window: Window,
    /// What was lost in it by reason, also what arrived incomplete; only reasons that occurred.
    pub lost: Vec<(&'static str, u64)>,
}

impl Watched {
    /// A container whose identity is now known, of which so much was counted before.
    pub fn new(container: Container, key: Key, (row, counted): (Row, Counted)) -> Self {
        let account = Account::open(&counted.path, counted.at);
        Self {
            container: Arc::new(container),
            key,
            row,
            path: counted.path,
            nested: BTreeSet::new(),
            events: BTreeMap::new(),
            traffic: Traffic::default(),
            requests: 0,
            file_bytes: (FileBytes::default(), FileBytes::default()),
            findings: 0,
            events_lost: 0,
            lost: BTreeMap::new(),
            resync: false,
            threads: Vec::new(),
            early_bytes: (FileBytes::default(), FileBytes::default()),
            sampled: None,
            used: (Resources::default(), 0),
            totals: counted.totals,
            account,
            window_start: counted.at,
        }
    }

    /// What has been counted of it up to the end of its last window.
    pub fn counted(&self) -> Counted {
        Counted {
            container: self.container.cgroup,
            path: self.path.clone(),
            at: self.window_start,
            totals: self.totals.clone(),
        }
    }

    /// All its cgroups, its own first.
    pub fn cgroups(&self) -> Vec<CgroupId> {
        std::iter::once(self.container.cgroup)
            .chain(self.nested.iter().copied())
            .collect()
    }

    /// Counts an event of this container.
    pub fn count(&mut self, event: &Event) {
        *self.events.entry(kind(&event.action)).or_insert(0) += 1;
    }

    /// Counts bytes read from and written to a file before the kernel knew its class.
    pub fn count_bytes(&mut self, class: FileClass, (read, written): (u64, u64)) {
        self.early_bytes.0.add_to(class, read);
        self.early_bytes.1.add_to(class, written);
    }

    /// Closes the window that ends at `end`, with the counters' present `totals`; `None` when no time has passed.
    /// `sampled` is for how long system calls were watched so far, where that is not always.
    pub fn close_window(
        &mut self,
        end: Moment,
        totals: Totals,
        sampled: Option<Duration>,
        hierarchy: &Hierarchy,
    ) -> Option<Closed> {
        let length_ns = end.since(self.window_start);
        if length_ns == 0 {
            return None;
        }
        let mut counters = totals.since(&self.totals);
        counters.threads.clone_from(&self.threads);
        if let Some(observed) = sampled {
            let before = self.sampled.replace(observed).unwrap_or_default();
            let observed = observed.saturating_sub(before).as_nanos();
            counters.scale_calls(u64::try_from(observed).unwrap_or(u64::MAX), length_ns);
        }
        counters.resources = self.account.window(hierarchy, end, length_ns);
        // Of a container that has just ended, what it used before is told.
        if counters.resources != Resources::default() {
            self.used = (counters.resources.clone(), length_ns);
        }
        self.requests += counters.requests;
        counters.file_read.add(&take(&mut self.early_bytes.0));
        counters.file_written.add(&take(&mut self.early_bytes.1));
        self.file_bytes.0.add(&counters.file_read);
        self.file_bytes.1.add(&counters.file_written);
        self.traffic.add(&counters);
        self.events_lost += counters.lost_events;
        let lost = totals.losses_since(&self.totals);
        for (reason, count) in &lost {
            *self.lost.entry(reason).or_insert(0) += count;
        }
        self.totals = totals;
        self.window_start = end;
        Some(Closed {
            window: Window {
                end,
                length_ns,
                counters,
            },
            lost,
        })
    }
}

/// The `kind` label of an event.
pub const fn kind(action: &Action) -> &'static str {
    match action {
        Action::Fork { .. } => "fork",
        Action::Exec(_) => "exec",
        Action::Exit { .. } => "exit",
        Action::AskedToEnd { .. } => "asked_to_end",
        Action::Open { .. } => "open",
        Action::OpenFailed { .. } => "open_failed",
        Action::Map { .. } => "map",
        Action::Change { .. } => "change",
        Action::Memfd { .. } => "memfd",
        Action::ExecFailed { .. } => "exec_failed",
        Action::Connected { .. } => "connected",
        Action::Bind { .. } => "bind",
        Action::Socket { .. } => "socket",
        Action::Unix { .. } => "unix",
        Action::Dns { .. } => "dns",
        Action::TlsName { .. } => "tls_name",
        Action::Sequence { .. } => "sequence",
        Action::Connect { .. } => "connect",
        Action::Clients { .. } => "clients",
        Action::Listen { .. } => "listen",
        Action::Accept { .. } => "accept",
        Action::Privileged { .. } => "privileged",
        Action::SocketToStdio { .. } => "stdio",
    }
}
