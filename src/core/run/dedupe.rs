//! The key by which a receiver sees that it was told the same thing before.

use sha2::Digest;
use sha2::Sha256;

/// Returns `sha256:` and the digest of the parts. Each part's length goes in, so that no two lists look alike.
pub(super) fn dedupe_key(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part.as_bytes());
    }
    format!("sha256:{}", hex::encode(hash.finalize()))
}
