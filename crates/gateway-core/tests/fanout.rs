//! The tail goes out in as few orders as the order of events allows.

mod support;

use bowline_gateway_core::{ConnId, Input, Output};
use bowline_proto::Record;
use support::World;

fn deliveries(world: &mut World) -> Vec<(Vec<u64>, Vec<ConnId>)> {
    let orders = std::mem::take(&mut world.orders);
    let deliveries = orders.into_iter().filter_map(|order| match order {
        Output::Deliver { records, range, to } => {
            Some((records[range].iter().map(|record: &Record| record.seq().get()).collect(), to))
        }
        _ => None,
    });
    deliveries.collect()
}

#[test]
fn one_run_of_events_of_one_topic_is_one_order_for_all_its_readers() {
    let mut world = World::new();
    for name in ["ann", "bob", "eve"] {
        world.grant(name, "conv:c1");
    }
    let conns = ["ann", "bob", "eve"].map(|name| world.connect(name));
    world.orders.clear();
    let batch = (0..5).map(|_| world.log.event("conv:c1")).collect();
    world.show(batch);
    assert_eq!(deliveries(&mut world), [(vec![4, 5, 6, 7, 8], conns.to_vec())]);
    assert_eq!(world.core.stats().delivered, 15);
}

#[test]
fn runs_go_out_in_the_order_of_the_log() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    world.grant("ann", "conv:c2");
    let conn = world.connect("ann");
    world.orders.clear();
    let batch = ["conv:c1", "conv:c1", "conv:c2", "conv:c1"].map(|name| world.log.event(name));
    world.show(batch.to_vec());
    let to = vec![conn];
    assert_eq!(deliveries(&mut world), [(vec![3, 4], to.clone()), (vec![5], to.clone()), (vec![6], to)]);
}

#[test]
fn a_topic_without_a_reader_makes_no_order() {
    let mut world = World::new();
    world.connect("ann");
    world.orders.clear();
    world.publish("conv:nobody");
    assert_eq!(deliveries(&mut world), []);
}

#[test]
fn a_reader_whose_position_lies_inside_a_run_gets_the_rest_of_it() {
    let mut world = World::new();
    world.grant("ann", "conv:c1");
    world.grant("bob", "conv:c1");
    let early = world.connect("ann");
    let batch: Vec<Record> = (0..4).map(|_| world.log.event("conv:c1")).collect();
    let mut late = world.hello("bob");
    late.as_of = batch[1].seq();
    let late = world.open(late);
    world.orders.clear();
    world.show(batch);
    assert_eq!(world.events(early), [3, 4, 5, 6]);
    assert_eq!(world.events(late), [5, 6]);
    assert_eq!(deliveries(&mut world), [(vec![3, 4], vec![early]), (vec![5, 6], vec![early, late])]);
}

#[test]
fn a_batch_that_was_put_out_already_is_not_put_out_again() {
    let mut world = World::new();
    let conn = world.connect("ann");
    let batch: Vec<Record> = (0..3).map(|_| world.log.event("user:ann")).collect();
    world.show(batch[..2].to_vec());
    world.show(batch);
    assert_eq!(world.events(conn), [1, 2, 3]);
}

#[test]
fn readers_that_leave_in_any_order_leave_the_others_in_place() {
    let mut world = World::new();
    let names: Vec<String> = (0..12).map(|i| format!("a{i}")).collect();
    for name in &names {
        world.grant(name, "conv:c1");
        world.grant(name, "conv:c2");
    }
    let mut conns: Vec<ConnId> = names.iter().map(|name| world.connect(name)).collect();
    for at in [0, 5, 9, 3, 0, 4] {
        let conn = conns.remove(at);
        world.input(Input::Closed { conn });
        world.orders.clear();
        let (first, second) = (world.publish("conv:c1"), world.publish("conv:c2"));
        for (seqs, mut to) in deliveries(&mut world) {
            to.sort_unstable();
            assert!(seqs == [first] || seqs == [second]);
            assert_eq!(to, conns);
        }
    }
}
