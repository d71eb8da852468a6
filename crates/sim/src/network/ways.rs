//! The way between one peer and the gateway, and what is wrong with it at the moment.

use core::time::Duration;

use crate::env::Env;
use crate::plan::{Cut, LinkPlan};

/// One peer's way.
#[derive(Debug)]
pub(crate) struct Way {
    plan: LinkPlan,
    /// Its machine reaches nobody.
    pub(crate) is_unreachable: bool,
    /// Everything takes longer by this.
    pub(crate) detour: Duration,
    /// Somebody else uses the next ticket as well, in the same instant.
    pub(crate) is_watched_by_a_thief: bool,
    /// The next connection is cut after so many frames.
    pub(crate) trap: Option<(u32, Cut)>,
}

impl Way {
    pub(super) fn new(plan: LinkPlan) -> Self {
        Way { plan, is_unreachable: false, detour: Duration::ZERO, is_watched_by_a_thief: false, trap: None }
    }

    /// How long one parcel takes.
    pub(super) fn delay(&self, env: &mut Env) -> Duration {
        let (least, most) = self.plan.delay;
        self.detour + Duration::from_micros(env.rng.between(least, most))
    }
}
