//! YAML as people write it: values of which only some have the shape that is looked for.

use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use crate::{File, Reading};

/// A mapping of the wanted shape, or `None` for anything else.
#[derive(Clone, Debug)]
pub(crate) struct Mapping<T>(pub(crate) Option<T>);

impl<T> Default for Mapping<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Mapping<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Look<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Look<T> {
            type Value = Mapping<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a mapping, or anything else")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let inner = serde::de::value::MapAccessDeserializer::new(map);
                T::deserialize(inner).map(|value| Mapping(Some(value)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Mapping(None))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Mapping(None))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Mapping(None))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Mapping(None))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Mapping(None))
            }

            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Mapping(None))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Mapping(None))
            }

            fn visit_none<E>(self) -> Result<Self::Value, E> {
                Ok(Mapping(None))
            }
        }
        deserializer.deserialize_any(Look(PhantomData))
    }
}

/// One word or a list of words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Look;
        impl<'de> Visitor<'de> for Look {
            type Value = Words;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a word or a list of words")
            }

            fn visit_str<E>(self, word: &str) -> Result<Words, E> {
                Ok(Words(vec![word.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Words, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = seq.next_element::<String>()? {
                    words.push(word);
                }
                Ok(Words(words))
            }

            fn visit_unit<E>(self) -> Result<Words, E> {
                Ok(Words::default())
            }

            fn visit_none<E>(self) -> Result<Words, E> {
                Ok(Words::default())
            }
        }
        deserializer.deserialize_any(Look)
    }
}

/// Reads a document, or says in `reading` why it is none.
pub(crate) fn parse<T: DeserializeOwned>(file: File<'_>, reading: &mut Reading) -> Option<T> {
    // A file of comments alone is no document, and lays nothing down.
    let is_blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if file.text.lines().all(is_blank) {
        return None;
    }
    match serde_saphyr::from_str(file.text) {
        Ok(value) => Some(value),
        Err(error) => {
            let line = error.location().map_or(0, |place| number(place.line()));
            // The error's own text quotes the file, and with it whatever secrets stand there.
            reading.miss(file.path, line, "not the YAML that this file should be");
            None
        }
    }
}

/// A line number as claims keep it.
pub(crate) fn number(line: u64) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}
