//! The cryptography of TLS, chosen once for the whole process.

/// Makes ring the process's TLS cryptography. To be called before the first TLS client is built; a second call does
/// nothing.
pub fn install_crypto_provider() {
    // It fails only if a provider is there already, which is what is wanted.
    drop(rustls::crypto::ring::default_provider().install_default());
}
