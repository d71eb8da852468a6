//! Which topics the application wants, and what each link knows of it.

/// The most logged topics that may be wanted beyond the default ones: as many as fit one `resume`, because a logged
/// topic that a resume leaves out would have a hole.
pub const RESUME_TOPICS: usize = 100;
