//! A certificate for `localhost` and the authority that signed it, made for one run.
//! Nobody else trusts them: a program is told to by `SSL_CERT_FILE`.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// All in PEM.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) authority: String,
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Certificate {
    /// Makes it.
    ///
    /// # Errors
    /// When no key can be made.
    pub(super) fn of_localhost() -> anyhow::Result<Self> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own_key = KeyPair::generate()?;
        let signed = authority.self_signed(&own_key)?;
        let issuer = Issuer::new(authority, own_key);
        let key = KeyPair::generate()?;
        let host = CertificateParams::new(vec!["localhost".to_owned()])?;
        Ok(Self {
            authority: signed.pem(),
            certificate: host.signed_by(&key, &issuer)?.pem(),
            key: key.serialize_pem(),
        })
    }
}
