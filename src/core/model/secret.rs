//! The one type for secret values.

use zeroize::Zeroizing;

/// A value that must not be seen: it has no `Debug`, `Display` or `Serialize`, and its memory is cleared on drop.
///
/// Whoever needs the value says so with [`Secret::expose`], which a reviewer can search for.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the value in.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// Returns the value. Never log, store or format what this returns.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns true if there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
