//! One password to each 32-bit lane of wide registers: the rounds as SHA-256 defines them
//! (FIPS 180-4, section 6.2.2), on vectors. The instructions are those of the file that uses it.
//!
//! Nothing waits for anything here, since the lanes of a register fill the processor's vector units;
//! the price is that one lane takes as long as all. The message's padding is constant and the
//! rounds are written out, so the compiler leaves out what follows from it, a twentieth of all.

/// Defines `advance_lanes` for vectors of this many lanes. The file has functions `splat`, `add`,
/// `rotate`, `shift` (both to the right), `xor`, `xor3`, `choose`, `majority`, `load` and `store`.
macro_rules! wide {
    ($features:literal, $vector:ty, $lanes:expr) => {
        /// Words of every lane.
        type Words = [[u32; $lanes]; 8];

        /// In every lane, advances a computation by the same number of iterations.
        #[target_feature(enable = $features)]
        fn advance_lanes(
            inner: &Words,
            outer: &Words,
            last: &mut Words,
            sum: &mut Words,
            iterations: u32,
        ) {
            let (inner, outer) = (inner.map(|words| load(words)), outer.map(|words| load(words)));
            let mut u = last.map(|words| load(words));
            let mut t = sum.map(|words| load(words));
            for _ in 0..iterations {
                // A loop, so that there is only one call, which the compiler then inlines.
                for from in [&inner, &outer] {
                    u = compress(from, &u);
                }
                for (t, u) in t.iter_mut().zip(u) {
                    *t = xor(*t, u);
                }
            }
            *last = u.map(|words| store(words));
            *sum = t.map(|words| store(words));
        }

        /// In every lane, the state after `from` and one block: the digest `message` and its padding.
        #[inline]
        #[target_feature(enable = $features)]
        fn compress(from: &[$vector; 8], message: &[$vector; 8]) -> [$vector; 8] {
            let [w0, w1, w2, w3, w4, w5, w6, w7] = *message;
            let [w8, w9, w10, w11, w12, w13, w14, w15] = PADDING.map(|word| splat(word));
            let mut w = [w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15];
            let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *from;
            macro_rules! round {
                ($t:expr, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {
                    if $t >= 16 {
                        let (early, late) = (w[($t + 1) % 16], w[($t + 14) % 16]);
                        let early = xor3(rotate::<7>(early), rotate::<18>(early), shift::<3>(early));
                        let late = xor3(rotate::<17>(late), rotate::<19>(late), shift::<10>(late));
                        w[$t % 16] = add(add(w[$t % 16], early), add(w[($t + 9) % 16], late));
                    }
                    let of_e = xor3(rotate::<6>($e), rotate::<11>($e), rotate::<25>($e));
                    let of_a = xor3(rotate::<2>($a), rotate::<13>($a), rotate::<22>($a));
                    let word = add($h, add(w[$t % 16], splat(K[$t])));
                    let first = add(word, add(of_e, choose($e, $f, $g)));
                    $d = add($d, first);
                    $h = add(add(first, of_a), majority($a, $b, $c));
                };
            }
            // Each letter moves on by one place a round, so eight rounds bring it back.
            macro_rules! eight_rounds {
                ($t:expr) => {
                    round!($t, a b c d e f g h);
                    round!($t + 1, h a b c d e f g);
                    round!($t + 2, g h a b c d e f);
                    round!($t + 3, f g h a b c d e);
                    round!($t + 4, e f g h a b c d);
                    round!($t + 5, d e f g h a b c);
                    round!($t + 6, c d e f g h a b);
                    round!($t + 7, b c d e f g h a);
                };
            }
            eight_rounds!(0);
            eight_rounds!(8);
            eight_rounds!(16);
            eight_rounds!(24);
            eight_rounds!(32);
            eight_rounds!(40);
            eight_rounds!(48);
            eight_rounds!(56);
            let mut state = [a, b, c, d, e, f, g, h];
            for (word, from) in state.iter_mut().zip(from) {
                *word = add(*word, *from);
            }
            state
        }

        /// Advances the chains, each in a lane of its own; what the other lanes compute is thrown
        /// away.
        #[target_feature(enable = $features)]
        fn advance_chains(chains: &mut [&mut Chain], iterations: u32) {
            debug_assert!(chains.len() <= $lanes);
            let gather = |of: fn(&Chain) -> &[u32; 8]| {
                let mut words = Zeroizing::new([[0; $lanes]; 8]);
                for (lane, chain) in chains.iter().enumerate() {
                    for (words, word) in words.iter_mut().zip(of(chain)) {
                        words[lane] = *word;
                    }
                }
                words
            };
            let (inner, outer) = (gather(|chain| &chain.inner), gather(|chain| &chain.outer));
            let (mut last, mut sum) = (gather(|chain| &chain.last), gather(|chain| &chain.sum));
            advance_lanes(&inner, &outer, &mut last, &mut sum, iterations);
            for (lane, chain) in chains.iter_mut().enumerate() {
                chain.last = last.map(|words| words[lane]);
                chain.sum = sum.map(|words| words[lane]);
            }
        }
    };
}
pub(super) use wide;
