//! A JSON object and nothing else: what serde derives would take a list of the members' values for it as well.

use core::fmt;
use core::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// What was read from an object.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(PhantomData)).map(Object)
    }
}

struct Members<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::RawValue;

    #[derive(serde::Deserialize)]
    struct Pair<'a> {
        #[serde(borrow)]
        name: &'a str,
        value: &'a RawValue,
    }

    #[test]
    fn members_are_read_by_name_and_never_by_their_place() {
        let Object(pair) = serde_json::from_str::<Object<Pair<'_>>>(r#"{"value":[ 1 ],"name":"a"}"#).unwrap();
        assert_eq!((pair.name, pair.value.get()), ("a", "[ 1 ]"));
        for text in [r#"["a",1]"#, "[]", "null", "\"a\"", r#"{"name":"a"}"#] {
            assert!(serde_json::from_str::<Object<Pair<'_>>>(text).is_err(), "{text}");
        }
    }
}
