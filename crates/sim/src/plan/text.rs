//! The textual form of a plan: JSON, one part a line, times in milliseconds with their microseconds behind the point.

use serde_json::Value;

use super::Plan;

impl Plan {
    /// The plan as text; [`Plan::from_text`] reads it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let value = serde_json::to_value(self).expect("a plan has no keys but text");
        let Value::Object(parts) = value else { return String::new() };
        let lines: Vec<String> =
            parts.iter().map(|(name, part)| format!(" {name:?}: {}", lines(part))).collect();
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// Says where the text is not a plan.
    pub fn from_text(text: &str) -> Result<Plan, String> {
        let plan: Plan = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if plan.node.limits.is_empty() || plan.conversations.is_empty() || plan.peers() == 0 {
            return Err("a plan has a gateway's limits, a conversation and somebody who dials".into());
        }
        Ok(plan)
    }
}

fn lines(part: &Value) -> String {
    match part {
        Value::Array(items) if items.iter().any(Value::is_object) => {
            let items: Vec<String> = items.iter().map(|item| format!("  {item}")).collect();
            format!("[\n{}\n ]", items.join(",\n"))
        }
        other => other.to_string(),
    }
}

/// A span of time.
pub(super) mod span {
    use core::time::Duration;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(span.as_micros() as f64 / 1e3)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        f64::deserialize(from).map(of_millis)
    }

    pub(super) fn of_millis(millis: f64) -> Duration {
        Duration::from_micros((millis * 1e3).round().max(0.0) as u64)
    }
}

/// A span of time that may be missing.
pub(super) mod span_or_none {
    use core::time::Duration;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::span;

    pub(crate) fn serialize<S: Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => super::span::serialize(span, to),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<f64>::deserialize(from)?.map(span::of_millis))
    }
}

/// A point of virtual time.
pub(super) mod point {
    use bowline_proto::Time;
    use serde::{Deserializer, Serializer};

    use super::span;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde wants")]
    pub(crate) fn serialize<S: Serializer>(at: &Time, to: S) -> Result<S::Ok, S::Error> {
        span::serialize(&at.since(Time::ZERO), to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
        Ok(Time::ZERO + span::deserialize(from)?)
    }
}

/// A point of virtual time that may be missing.
pub(super) mod point_or_none {
    use bowline_proto::Time;
    use serde::{Deserializer, Serializer};

    use super::span_or_none;

    pub(crate) fn serialize<S: Serializer>(at: &Option<Time>, to: S) -> Result<S::Ok, S::Error> {
        span_or_none::serialize(&at.map(|at| at.since(Time::ZERO)), to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Time>, D::Error> {
        Ok(span_or_none::deserialize(from)?.map(|span| Time::ZERO + span))
    }
}

/// The log's durability, as the gateway's configuration writes it.
pub(super) mod durability {
    use bowline_log::Durability;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde wants")]
    pub(crate) fn serialize<S: Serializer>(durability: &Durability, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(match durability {
            Durability::Fsync => "fsync",
            Durability::Os => "os",
        })
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Durability, D::Error> {
        match String::deserialize(from)?.as_str() {
            "fsync" => Ok(Durability::Fsync),
            "os" => Ok(Durability::Os),
            other => Err(serde::de::Error::custom(format!("no durability is called {other}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_survives_its_text() {
        for seed in 1..200 {
            let plan = Plan::of(seed);
            assert_eq!(Plan::from_text(&plan.to_text()), Ok(plan), "seed {seed}");
        }
    }

    #[test]
    fn what_is_no_plan_is_refused() {
        assert!(Plan::from_text("{}").is_err());
        assert!(Plan::from_text("nothing").is_err());
    }
}
