//! HMAC-SHA256, as forges and Flux sign the bodies of webhooks.

use hmac::Hmac;
use hmac::KeyInit as _;
use hmac::Mac as _;
use sha2::Sha256;

use super::Secret;

/// Returns the hexadecimal HMAC-SHA256 of a body.
pub fn sign(secret: &Secret, body: &[u8]) -> String {
    hex::encode(mac(secret, body).finalize().into_bytes())
}

/// Returns true if the hexadecimal text is the HMAC-SHA256 of the body. How long that takes does not depend on how much
/// of it is right.
pub fn verify(secret: &Secret, body: &[u8], signature: &str) -> bool {
    hex::decode(signature).is_ok_and(|bytes| mac(secret, body).verify_slice(&bytes).is_ok())
}

fn mac(secret: &Secret, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_forges_documentation() {
        // GitHub's own example, "Validating webhook deliveries".
        let secret = Secret::new("It's a Secret to Everybody");
        let signature = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(sign(&secret, b"Hello, World!"), signature);
        assert!(verify(&secret, b"Hello, World!", signature));
        assert!(verify(&secret, b"Hello, World!", &signature.to_uppercase()));
    }

    #[test]
    fn what_is_not_the_signature_is_refused() {
        let secret = Secret::new("key");
        let good = sign(&secret, b"body");
        for bad in ["", "00", "zz", &good[..62], &format!("{good}00"), &sign(&Secret::new("kez"), b"body")] {
            assert!(!verify(&secret, b"body", bad), "{bad:?} should be refused");
        }
        assert!(!verify(&secret, b"bodY", &good));
    }
}
