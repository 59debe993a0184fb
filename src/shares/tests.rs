//! Shares, beside a model that is simple enough to be right.

use super::*;
use std::time::{Duration, Instant};

fn network(text: &str) -> Network {
    Network::of(text.parse().unwrap())
}

/// The networks that the model plays with: three /24s, and five /64s in two /56s.
fn networks() -> Vec<Network> {
    let texts = [
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "2001:db8:0:100::1",
        "2001:db8:0:101::1",
        "2001:db8:0:1ff::1",
        "2001:db8:0:200::1",
        "2001:db8:0:201::1",
    ];
    texts.map(network).to_vec()
}

#[test]
fn a_network_is_a_24_or_a_56_with_its_64s() {
    assert_eq!(network("192.0.2.1"), network("192.0.2.255"));
    assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.9"));
    assert_ne!(network("192.0.2.1"), network("192.0.3.1"));
    assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
    let (one, same, other) =
        (network("2001:db8:0:100::"), network("2001:db8:0:1ff::"), network("2001:db8:0:200::"));
    assert!(one != same && one.block == same.block && one.block != other.block);
    let proxy = Network::of_proxy([192, 0, 2, 1].into());
    assert!(is_proxy(proxy.block) && !is_proxy(network("192.0.2.1").block));
    assert_ne!(proxy, network("192.0.2.1"));
}

#[test]
fn networks_take_turns_and_their_own_stay_in_order() {
    let mut shares = Shares::default();
    let [a, b, c] = ["192.0.2.1", "198.51.100.1", "2001:db8::1"].map(network);
    for (network, name) in [(a, "a1"), (a, "a2"), (a, "a3"), (b, "b1"), (a, "a4"), (c, "c1")] {
        shares.insert(network, name, 1);
    }
    let mut order = vec![shares.next().unwrap(), shares.next().unwrap()];
    // A network that comes back has had its turn.
    shares.insert(b, "b2", 1);
    order.extend(std::iter::from_fn(|| shares.next()));
    assert_eq!(order, ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
}

#[test]
fn a_56_has_one_turn_for_all_of_its_64s() {
    let mut shares = Shares::default();
    for part in 0..3 {
        shares.insert(network(&format!("2001:db8:0:{part:x}::1")), format!("six {part}"), 1);
    }
    shares.insert(network("2001:db8::2"), "six 0 again".to_owned(), 1);
    shares.insert(network("192.0.2.1"), "four".to_owned(), 1);
    shares.insert(network("192.0.2.1"), "four again".to_owned(), 1);
    let order: Vec<_> = std::iter::from_fn(|| shares.next()).collect();
    assert_eq!(order, ["six 0", "four", "six 1", "four again", "six 2", "six 0 again"]);
}

#[test]
fn what_is_put_back_or_preferred_comes_first() {
    let mut shares = Shares::default();
    let [a, b, c] = ["192.0.2.1", "198.51.100.1", "203.0.113.1"].map(network);
    for (network, name) in [(a, "a1"), (b, "b1"), (b, "b2"), (c, "c1")] {
        shares.insert(network, name, 1);
    }
    let taken = shares.next().unwrap();
    shares.prefer(c);
    shares.put_back(a, taken, 1);
    let order: Vec<_> = std::iter::from_fn(|| shares.next()).collect();
    assert_eq!(order, ["c1", "a1", "b1", "b2"]);
}

#[test]
fn whoever_holds_two_more_gives_way_and_fresh_networks_evict_nobody() {
    let most = Amount { count: 4, weight: 100 };
    let mut shares = Shares::default();
    let [a, b, c] = ["192.0.2.1", "198.51.100.1", "203.0.113.1"].map(network);
    for name in ["a1", "a2", "a3", "a4"] {
        shares.admit(a, name, 1, most).unwrap();
    }
    assert_eq!(shares.admit(a, "a5", 1, most).unwrap_err(), "a5");
    assert_eq!(shares.admit(b, "b1", 1, most).unwrap().1, ["a4"]);
    assert_eq!(shares.admit(b, "b2", 1, most).unwrap().1, ["a3"]);
    assert_eq!(shares.admit(b, "b3", 1, most).unwrap_err(), "b3");
    assert_eq!(shares.admit(c, "c1", 1, most).unwrap().1.len(), 1);
    for n in 0..200 {
        let fresh = network(&format!("10.0.{n}.1"));
        let admitted = shares.admit(fresh, "fresh", 1, most);
        assert_eq!(admitted.is_ok(), n == 0, "one network held two");
    }
}

#[test]
fn bytes_give_way_too_and_nobody_goes_in_vain() {
    let most = Amount { count: 100, weight: 100 };
    let mut shares = Shares::default();
    let [a, b, c] = ["192.0.2.1", "198.51.100.1", "203.0.113.1"].map(network);
    for name in ["a1", "a2", "a3", "a4", "a5"] {
        shares.admit(a, name, 12, most).unwrap();
    }
    shares.admit(b, "b1", 40, most).unwrap();
    // It would hold no less than the fullest then.
    assert!(shares.admit(c, "c1", 60, most).is_err());
    assert!(shares.admit(c, "c2", 101, most).is_err());
    assert_eq!(shares.held(), Amount { count: 6, weight: 100 });
    assert_eq!(shares.admit(c, "c3", 30, most).unwrap().1, ["a5", "a4", "a3"]);
}

#[test]
fn within_a_56_the_fullest_64_gives_way() {
    let most = Amount { count: 4, weight: 100 };
    let mut shares = Shares::default();
    let [a, b] = ["2001:db8:0:1::", "2001:db8:0:2::"].map(network);
    for name in ["a1", "a2", "a3", "a4"] {
        shares.admit(a, name, 1, most).unwrap();
    }
    assert_eq!(shares.admit(b, "b1", 1, most).unwrap().1, ["a4"]);
    assert_eq!(shares.admit(b, "b2", 1, most).unwrap().1, ["a3"]);
    assert!(shares.admit(b, "b3", 1, most).is_err());
    assert_eq!(shares.admit(network("192.0.2.1"), "c1", 1, most).unwrap().1.len(), 1);
}

#[test]
fn listed_proxies_give_way_to_each_other_alone() {
    let mut shares = Shares::default();
    let [one, other] = [[10, 0, 0, 1], [10, 0, 1, 1]].map(|ip| Network::of_proxy(ip.into()));
    let stranger = network("192.0.2.1");
    for n in 0..9 {
        shares.insert(one, n, 1);
    }
    shares.insert(stranger, 9, 1);
    assert_eq!(shares.fullest(By::Count, stranger, 0), None);
    assert_eq!(shares.fullest(By::Count, network("198.51.100.1"), 1), None);
    assert_eq!(shares.fullest(By::Count, other, 1), Some(one));
}

#[test]
fn a_success_is_preferred_once_a_minute_and_not_for_long() {
    let mut successes = Successes::default();
    let start = Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    let [a, b] = ["192.0.2.1", "198.51.100.1"].map(network);
    assert!(!successes.claim(a, start));
    successes.note(a, start);
    assert!(!successes.claim(b, start));
    assert!(successes.claim(a, after(1)) && !successes.claim(a, after(2)));
    successes.note(a, after(3));
    assert!(!successes.claim(a, after(60)) && successes.claim(a, after(61)));
    assert!(!successes.claim(a, after(3 + 600)));
}

/// What a network holds, in order, with weights; in the order of the networks' turns.
type Line = (Network, Vec<(u32, usize)>);

/// The same rules, on lists.
#[derive(Default)]
struct Model {
    /// Blocks in turn, and in each its parts in turn.
    blocks: Vec<(u64, Vec<Line>)>,
}

impl Model {
    fn insert(&mut self, network: Network, what: u32, weight: usize) {
        let at = self.blocks.iter().position(|(block, _)| *block == network.block);
        let at = at.unwrap_or_else(|| {
            self.blocks.push((network.block, Vec::new()));
            self.blocks.len() - 1
        });
        let parts = &mut self.blocks[at].1;
        let at = parts.iter().position(|(part, _)| *part == network).unwrap_or_else(|| {
            parts.push((network, Vec::new()));
            parts.len() - 1
        });
        parts[at].1.push((what, weight));
    }

    fn next(&mut self) -> Option<u32> {
        if self.blocks.is_empty() {
            return None;
        }
        let (block, mut parts) = self.blocks.remove(0);
        let (network, mut line) = parts.remove(0);
        let (what, _) = line.remove(0);
        if !line.is_empty() {
            parts.push((network, line));
        }
        if !parts.is_empty() {
            self.blocks.push((block, parts));
        }
        Some(what)
    }

    fn remove(&mut self, what: u32) {
        for (_, parts) in &mut self.blocks {
            parts.iter_mut().for_each(|(_, line)| line.retain(|(other, _)| *other != what));
            parts.retain(|(_, line)| !line.is_empty());
        }
        self.blocks.retain(|(_, parts)| !parts.is_empty());
    }

    fn all(&self) -> Vec<(Network, u32, usize)> {
        let lines = self.blocks.iter().flat_map(|(_, parts)| parts);
        lines.flat_map(|(n, line)| line.iter().map(|(what, w)| (*n, *what, *w))).collect()
    }

    /// The total held by the networks for which this is true.
    fn held(&self, of: impl Fn(Network) -> bool) -> Amount {
        let mut held = Amount::default();
        self.all().iter().filter(|item| of(item.0)).for_each(|item| held.add(item.2));
        held
    }
}

/// Numbers at random, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}

/// Checks an admission against the rules, whichever of several equals gave way.
fn check_admission(model: &mut Model, newcomer: (Network, u32, usize), most: Amount, gone: &[u32]) {
    let (network, what, weight) = newcomer;
    let all = model.all();
    for (before, gone) in gone.iter().enumerate() {
        let (victim, ..) = *all.iter().find(|item| item.1 == *gone).unwrap();
        let newest = model.all().iter().filter(|item| item.0 == victim).map(|i| i.1).max();
        assert_eq!(newest, Some(*gone), "it was not the newest of its network");
        if before == 0 {
            let by = if model.held(|_| true).count >= most.count { By::Count } else { By::Weight };
            let added = if by == By::Count { 1 } else { weight };
            let same = |other: Network| other.block == victim.block;
            let own = |other: Network| other.block == network.block;
            if victim.block == network.block {
                let (held, own) = (model.held(|n| n == victim), model.held(|n| n == network));
                assert!(by.of(held) > by.of(own) + added);
            } else {
                let (held, own) = (model.held(same), model.held(own));
                assert!(by.of(held) > by.of(own) + added);
                for other in networks() {
                    let other = model.held(|n| n.block == other.block);
                    assert!(by.of(other) <= by.of(held), "another holds more");
                }
            }
        }
        model.remove(*gone);
    }
    model.insert(network, what, weight);
    assert!(model.held(|_| true).is_within(most));
}

#[test]
fn random_histories_agree_with_the_model() {
    let networks = networks();
    for seed in 1..=60 {
        let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let most = Amount { count: 3 + random.below(20), weight: 50 + random.below(200) };
        let (mut shares, mut model) = (Shares::default(), Model::default());
        let mut tickets: Vec<(Ticket, u32)> = Vec::new();
        for what in 0..2_000_u32 {
            match random.below(10) {
                0..5 => {
                    // Now and then a flood of one.
                    let of = if random.below(3) == 0 { 0 } else { random.below(networks.len()) };
                    let newcomer = (networks[of], what, 1 + random.below(30));
                    match shares.admit(newcomer.0, what, newcomer.2, most) {
                        Ok((ticket, gone)) => {
                            check_admission(&mut model, newcomer, most, &gone);
                            tickets.retain(|(_, other)| !gone.contains(other));
                            tickets.push((ticket, what));
                        }
                        Err(back) => assert_eq!(back, what),
                    }
                }
                5..8 => {
                    let next = shares.next();
                    assert_eq!(next, model.next());
                    tickets.retain(|(_, other)| Some(*other) != next);
                }
                _ if !tickets.is_empty() => {
                    let (ticket, what) = tickets.swap_remove(random.below(tickets.len()));
                    assert_eq!(shares.remove(ticket), Some(what));
                    assert_eq!(shares.remove(ticket), None);
                    model.remove(what);
                }
                _ => {}
            }
            assert_eq!(shares.held(), model.held(|_| true));
            assert_eq!(shares.is_empty(), model.blocks.is_empty());
        }
        while let Some(next) = shares.next() {
            assert_eq!(Some(next), model.next());
        }
        assert!(model.blocks.is_empty() && shares.blocks.is_empty() && shares.parts.is_empty());
        assert!(shares.turns.is_empty() && shares.turns_within.is_empty());
    }
}
