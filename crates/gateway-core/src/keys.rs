//! How the tables of the shard point at each other.

/// Index of an account in its table. Held only by what keeps the account there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AccountKey(pub(crate) u32);

/// Index of a session in its table, and which tenant of that place: a timer of an earlier tenant is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionKey {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}
