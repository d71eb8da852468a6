//! How a set of names stays open: a value that this version does not know is kept as it came, never refused.

/// An enumeration of wire names with an `Other` for the rest.
macro_rules! open_names {
    ($($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $text:literal,)* })*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$about])* $variant,)*
            /// A value of a later version, as it came.
            Other(String),
        }

        impl $name {
            /// The names that this version knows.
            pub const KNOWN: &[&str] = &[$($text,)*];

            /// Its name on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $($name::$variant => $text,)*
                    $name::Other(name) => name,
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let name = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                Ok(match &*name {
                    $($text => $name::$variant,)*
                    _ => $name::Other(name.into_owned()),
                })
            }
        }
    )* };
}

pub(crate) use open_names;
