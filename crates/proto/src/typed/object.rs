//! How an object is read, inside a payload and elsewhere: by its members' names. What serde derives would take a list of their values, in
//! their order, for it as well, and a reader in another language would see something else.

use core::fmt;
use core::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// An object.
pub(super) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Object::deserialize(from).map(|Object(read)| read)
}

/// An object, `null` or nothing.
pub(super) fn optional_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    Ok(Option::deserialize(from)?.map(|Object(read)| read))
}

/// A list of objects.
pub(super) fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(read_each(Vec::deserialize(from)?))
}

/// A list of objects, `null` or nothing.
pub(super) fn optional_objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<Vec<T>>, D::Error> {
    Ok(Option::deserialize(from)?.map(read_each))
}

fn read_each<T>(list: Vec<Object<T>>) -> Vec<T> {
    list.into_iter().map(|Object(read)| read).collect()
}

/// What was read from a JSON object and nothing else: a list of its members' values is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Members(PhantomData)).map(Object)
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
