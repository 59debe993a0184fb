//! What the code of a row covers: everything that decides what its key is used for.

/// For a signing key. The private half is bound by the name, which comes from the public half; the
/// code covers only whether there is one.
pub(crate) fn signing(
    (generation, kid): (i64, &str),
    algorithm: &str,
    public: &[u8],
    signs_from: i64,
    signs: bool,
) -> Vec<Vec<u8>> {
    vec![
        b"signing key".to_vec(),
        generation.to_be_bytes().to_vec(),
        kid.as_bytes().to_vec(),
        algorithm.as_bytes().to_vec(),
        public.to_vec(),
        signs_from.to_be_bytes().to_vec(),
        vec![u8::from(signs)],
    ]
}

/// For a refresh key, with its encrypted secret.
pub(crate) fn refresh(generation: i64, encrypted: &[u8], used_from: i64) -> Vec<Vec<u8>> {
    vec![
        b"refresh key".to_vec(),
        generation.to_be_bytes().to_vec(),
        encrypted.to_vec(),
        used_from.to_be_bytes().to_vec(),
    ]
}

/// For the generations below which no key is accepted.
pub(crate) fn floor(signing: i64, refresh: i64) -> Vec<Vec<u8>> {
    let numbers = [signing, refresh].map(|number| number.to_be_bytes().to_vec());
    [vec![b"key floor".to_vec()], numbers.to_vec()].concat()
}
