//! The steps that a scenario's docstring may ask of the harness.

use serde::Deserialize;

/// A step that the harness takes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// The known clients send so many times their requests.
    Load {
        /// Times the usual number.
        times: f64,
        /// How long.
        seconds: u64,
        /// Rows of each request, where it is not one to four.
        rows: Option<u32>,
    },
    /// New clients come from new addresses.
    Clients {
        /// How many.
        number: u32,
        /// Times the usual number of requests, together.
        times: f64,
        /// How long.
        seconds: u64,
        /// Whether they look around first: lists of models, documentation, health.
        #[serde(default)]
        probing: bool,
        /// Whether the known clients are silent meanwhile.
        #[serde(default)]
        alone: bool,
        /// Rows of each request, where it is not one to four.
        rows: Option<u32>,
        /// Whether each request has a connection of its own.
        #[serde(default)]
        anew: bool,
    },
    /// A new address asks for paths, one after the other, without a body.
    Ask {
        /// The paths.
        paths: Vec<String>,
        /// Seconds between two rounds.
        every: u64,
        /// How many rounds.
        times: u32,
    },
    /// Nobody asks anything.
    Idle {
        /// How long.
        seconds: u64,
    },
    /// The operator has it read a model again.
    Reload {
        /// Of another version.
        version: Option<u64>,
    },
    /// Its container is stopped and started again.
    Restart {},
    /// Its container is replaced with another one of the image.
    Replace {},
    /// Its log is rotated.
    Rotate {
        /// Who does it and how.
        how: Rotation,
    },
    /// A command is executed in the container from outside, as kubelet's probes are.
    Exec {
        /// The command.
        command: Vec<String>,
        /// Seconds between two.
        every: u64,
        /// How often.
        times: u32,
    },
    /// Connections without a request, from a new address.
    Connects {
        /// How many.
        number: u32,
        /// In how many seconds.
        seconds: u64,
    },
    /// A peer is away for a while.
    Outage {
        /// Its name.
        peer: String,
        /// How long.
        seconds: u64,
    },
    /// A peer's name moves to another address.
    Move {
        /// Its name.
        peer: String,
    },
    /// All its processes are held still.
    Pause {
        /// How long.
        seconds: u64,
    },
    /// A second container of the image starts and serves.
    Replica {
        /// How long it serves.
        seconds: u64,
    },
    /// It is replaced by one of a newer image of the same program.
    Upgrade {
        /// How long that one serves.
        seconds: u64,
    },
    /// A request sets the payload off.
    Payload {},
    /// Slow clients, broken ones and such as pipeline their requests.
    Broken {
        /// How long.
        seconds: u64,
    },
    /// Its main process is killed, and the container started again.
    Kill {},
    /// The agent's clock jumps.
    Clock {
        /// How far, in seconds.
        seconds: i64,
    },
}

/// Ways to rotate a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// The server renames it and begins a new one.
    Server,
    /// Another container renames it, and the server is told.
    Rename,
    /// Another container copies and truncates it.
    CopyTruncate,
}
