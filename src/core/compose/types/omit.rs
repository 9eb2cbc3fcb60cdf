//! Which fields are left out of the JSON form: Go's `omitempty`, as a trait, because config hashes depend on it.

use std::collections::BTreeMap;

/// Tells whether a value is left out of its parent's JSON form.
///
/// Go's rule: zero numbers, `false`, empty strings, lists and maps and absent pointers are left out. Structs never are.
pub trait OmitEmpty {
    /// Whether the value is left out.
    fn omitted(&self) -> bool;
}

impl OmitEmpty for String {
    fn omitted(&self) -> bool {
        self.is_empty()
    }
}

impl<T> OmitEmpty for Vec<T> {
    fn omitted(&self) -> bool {
        self.is_empty()
    }
}

impl<K, V> OmitEmpty for BTreeMap<K, V> {
    fn omitted(&self) -> bool {
        self.is_empty()
    }
}

impl<T> OmitEmpty for Option<T> {
    fn omitted(&self) -> bool {
        self.is_none()
    }
}

macro_rules! omitted_when_default {
    ($($type:ty),*) => {$(
        impl OmitEmpty for $type {
            fn omitted(&self) -> bool {
                *self == <$type>::default()
            }
        }
    )*};
}
pub(super) use omitted_when_default;

omitted_when_default!(bool, i64, u16, u32, u64);

impl OmitEmpty for f32 {
    fn omitted(&self) -> bool {
        self.abs() == 0.0
    }
}

/// Declares structs of the Compose model. Fields are printed in the order they are written in, which is the order
/// that config hashes are made over, and left out as [`OmitEmpty`] says.
macro_rules! model {
    ($($(#[$struct_meta:meta])* pub struct $name:ident {
        $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)*
    })*) => {$(
        $(#[$struct_meta])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $name {
            $(
                #[serde(skip_serializing_if = "crate::core::compose::types::OmitEmpty::omitted")]
                $(#[$field_meta])*
                pub $field: $type,
            )*
        }

        impl crate::core::compose::types::OmitEmpty for $name {
            fn omitted(&self) -> bool {
                false
            }
        }
    )*};
}
pub(super) use model;
