//! Reads columns as the crate's types. What this binary would not write is an error that names the column.

use jiff::Timestamp;
use rusqlite::Row;

use super::error::StoreError;

/// Reads a text that its type checks.
pub(super) fn text<T: TryFrom<String>>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    let value: String = row.get(column)?;
    T::try_from(value.clone()).map_err(|_| unreadable(column, &value))
}

/// Reads a text that its type checks, or null.
pub(super) fn optional<T: TryFrom<String>>(row: &Row<'_>, column: &str) -> Result<Option<T>, StoreError> {
    let Some(value) = row.get::<_, Option<String>>(column)? else { return Ok(None) };
    T::try_from(value.clone()).map(Some).map_err(|_| unreadable(column, &value))
}

/// Reads a word of a vocabulary.
pub(super) fn word<T>(row: &Row<'_>, column: &str, parse: fn(&str) -> Option<T>) -> Result<T, StoreError> {
    let value: String = row.get(column)?;
    parse(&value).ok_or_else(|| unreadable(column, &value))
}

/// Reads JSON.
pub(super) fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    let value: String = row.get(column)?;
    serde_json::from_str(&value).map_err(|_| unreadable(column, &value))
}

/// Reads a time.
pub(super) fn time(row: &Row<'_>, column: &str) -> Result<Timestamp, StoreError> {
    let value: i64 = row.get(column)?;
    Timestamp::from_millisecond(value).map_err(|_| unreadable(column, &value.to_string()))
}

/// Reads a time or null.
pub(super) fn optional_time(row: &Row<'_>, column: &str) -> Result<Option<Timestamp>, StoreError> {
    match row.get::<_, Option<i64>>(column)? {
        Some(_) => time(row, column).map(Some),
        None => Ok(None),
    }
}

/// Reads a number that cannot be negative.
pub(super) fn count<T: TryFrom<i64>>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    let value: i64 = row.get(column)?;
    T::try_from(value).map_err(|_| unreadable(column, &value.to_string()))
}

/// Returns a limit as SQL takes it.
pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn unreadable(column: &str, value: &str) -> StoreError {
    StoreError::Unreadable { column: column.into(), value: value.chars().take(80).collect() }
}
