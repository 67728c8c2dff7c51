//! In what way something was new for a container's baseline.

/// Why a sighting is news: the baseline did not hold its fact in that phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// It was learned with this sighting.
    Learned,
    /// Its family still learns but has no room for it.
    Refused,
    /// Its family is judged and does not know it.
    New,
    /// As [`News::New`], and not for the first time: it waits for approval.
    Pending,
    /// It is news whenever it happens, because nothing of its kind is ever learned.
    NeverLearn,
}

impl News {
    /// All of them, in the order of the variants.
    pub const ALL: [Self; 5] = [
        Self::Learned,
        Self::Refused,
        Self::New,
        Self::Pending,
        Self::NeverLearn,
    ];

    /// The name in the stream of events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Learned => "learned",
            Self::Refused => "refused",
            Self::New => "new",
            Self::Pending => "pending",
            Self::NeverLearn => "never_learn",
        }
    }
}
