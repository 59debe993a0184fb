//! The limits: who gives way when they are reached, and who is counted for what.

use super::*;

fn limits(max: usize, max_per_address: usize) -> ConnectionLimits {
    let mut settings = Settings {
        max_connections: max,
        max_connections_per_address: max_per_address,
        ..Settings::default()
    };
    settings.tuning.buffered_bytes = 100;
    ConnectionLimits::new(&settings)
}

fn address(last: u8) -> Option<IpAddr> {
    Some(IpAddr::from([192, 0, 2, last]))
}

#[test]
fn the_longest_idle_connection_gives_way() {
    let mut limits = limits(3, 3);
    let mut places: Vec<Place> = (0..3).map(|_| limits.enter(address(1), false)).collect();
    assert_eq!(limits.room_for(address(2)), Room::Refuse);
    for at in [2, 0, 1, 2] {
        limits.set_idle(Token(at), &mut places[at], true);
    }
    assert_eq!(limits.room_for(address(2)), Room::After(Token(2)));
    limits.set_idle(Token(2), &mut places[2], false);
    assert_eq!(limits.room_for(address(2)), Room::After(Token(0)));
    limits.leave(Token(0), &mut places[0]);
    assert_eq!(limits.room_for(address(2)), Room::Yes);
}

#[test]
fn an_address_at_its_cap_loses_its_own_longest_idle_connection_only() {
    let mut limits = limits(10, 2);
    let mut other = limits.enter(address(9), false);
    limits.set_idle(Token(9), &mut other, true);
    let mut first = limits.enter(address(1), false);
    let mut second = limits.enter(address(1), false);
    assert_eq!(limits.room_for(address(1)), Room::Refuse);
    limits.set_idle(Token(1), &mut first, true);
    limits.set_idle(Token(2), &mut second, true);
    assert_eq!(limits.room_for(address(1)), Room::After(Token(1)));
    assert_eq!(limits.room_for(address(3)), Room::Yes);
    assert_eq!(limits.room_for(None), Room::Yes);
}

#[test]
fn the_refused_are_counted_apart_and_bounded() {
    let mut limits = limits(1, 1);
    let _inside = limits.enter(None, false);
    let mut refused: Vec<Place> = (0..REFUSED_AT_ONCE).map(|_| limits.enter(None, true)).collect();
    assert_eq!(limits.room_for(None), Room::Drop);
    limits.leave(Token(5), &mut refused[0]);
    assert_eq!(limits.room_for(None), Room::Refuse);
}

fn network(third: u8) -> Network {
    Network::of([10, 0, third, 1].into())
}

#[test]
fn what_all_hold_is_bounded_and_only_growth_is_blamed() {
    let mut limits = limits(5, 5);
    let mut first = limits.enter(None, false);
    let mut second = limits.enter(None, false);
    assert!(!limits.set_held(Token(1), &mut first, network(1), 100));
    assert!(limits.set_held(Token(2), &mut second, network(2), 1));
    assert!(!limits.set_held(Token(1), &mut first, network(1), 99));
    assert!(!limits.set_held(Token(2), &mut second, network(2), 1));
}

#[test]
fn the_fullest_network_gives_way_whoever_grows_and_with_it_whoever_holds_most() {
    let mut limits = limits(9, 9);
    let mut places: Vec<Place> = (0..4).map(|_| limits.enter(None, false)).collect();
    for (at, bytes, of) in [(0, 30, 1), (1, 40, 1), (2, 29, 2), (3, 2, 3)] {
        limits.set_held(Token(at), &mut places[at], network(of), bytes);
    }
    assert!(limits.holds_too_much());
    assert_eq!(limits.heaviest(network(3)), Some(Token(1)));
    // Its head is read, and from now on it counts for another network.
    limits.set_held(Token(1), &mut places[1], network(3), 40);
    assert_eq!(limits.heaviest(network(2)), Some(Token(1)));
    assert_eq!(limits.heaviest(network(3)), Some(Token(1)));
    places.iter_mut().enumerate().for_each(|(at, place)| limits.leave(Token(at), place));
    assert!(limits.held.is_empty() && limits.heaviest(network(1)).is_none());
}

#[test]
fn the_network_with_most_handshakes_gives_way_with_its_oldest() {
    let mut limits = limits(9, 9);
    limits.max_handshakes = 3;
    let mut shake = |token, of| {
        let mut place = limits.enter(None, false);
        limits.set_handshake(Token(token), &mut place, network(of), true);
        let excess = limits.excess_handshake(network(of));
        (excess, place)
    };
    let (first, second) = (shake(1, 1), shake(2, 2));
    assert!(first.0.is_none() && second.0.is_none() && shake(3, 1).0.is_none());
    let (excess, mut place) = shake(4, 3);
    assert_eq!(excess, Some(Token(1)));
    // Not closed here, so there is one more than allowed.
    limits.leave(Token(4), &mut place);
    let mut gone = first.1;
    limits.leave(Token(1), &mut gone);
    let mut shake = |token, of| {
        let mut place = limits.enter(None, false);
        limits.set_handshake(Token(token), &mut place, network(of), true);
        limits.excess_handshake(network(of))
    };
    assert_eq!(shake(5, 4), None);
    assert_eq!(shake(6, 5), Some(Token(6)), "fresh networks evict nobody");
}
