//! Pools that are split over several items, on an embedded DynamoDB.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::stream::{self, StreamExt};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rds_admission::controller::{Controller, Decision};
use rds_admission::pool::frugal::Tour;
use rds_admission::pool::split::InvalidSplit;
use rds_admission::pool::{Class, LeaseId, PoolSize, Shard};
use rds_admission::store::{DynamoStore, PoolAdmin, Renewed, SlotStore, StoreError};
use rds_admission::time::{FakeClock, Seconds};
use rds_admission::wire::{AcquireAnswer, Granted};
use support::dynamo::{Dynamo, START, TABLE};
use support::{lease, pool};

type TestStore = DynamoStore<Arc<FakeClock>>;
type TestController = Controller<TestStore, Arc<FakeClock>>;

const TTL: Seconds = Seconds(35);

fn size(slots: u32, priority: u32) -> PoolSize {
    PoolSize::divide(slots, 0, priority).expect("a size")
}

fn count(shards: u32) -> NonZeroU32 {
    NonZeroU32::new(shards).expect("not 0")
}

/// An instance that knows of nothing yet.
fn instance(dynamo: &Dynamo, clock: &Arc<FakeClock>) -> TestController {
    let store = DynamoStore::new(dynamo.client.clone(), TABLE, Arc::clone(clock));
    Controller::new(store, Arc::clone(clock), StdRng::seed_from_u64(1))
}

async fn split_pool(slots: u32, shards: u32) -> (Dynamo, Arc<FakeClock>, TestController) {
    let (dynamo, clock) = (Dynamo::start().await, Arc::new(FakeClock::at(START)));
    let controller = instance(&dynamo, &clock);
    let defined = controller.store().define(&pool(), size(slots, 0), Some(count(shards))).await;
    defined.expect("the pool");
    (dynamo, clock, controller)
}

/// Asks the table, whatever is remembered.
async fn take(controller: &TestController, lease: LeaseId) -> Decision<AcquireAnswer> {
    controller.acquire(&pool(), lease, TTL, Class::Standard, false).await.expect("an answer")
}

fn shard_of(decision: &Decision<AcquireAnswer>) -> Option<u32> {
    match &decision.answer {
        AcquireAnswer::Granted(granted) => Some(granted.shard.expect("it is split")),
        AcquireAnswer::Refused(_) => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_a_thousand_slots_gives_a_thousand_and_not_one_more() {
    let (dynamo, clock) = (Dynamo::start().await, Arc::new(FakeClock::at(START)));
    let one = instance(&dynamo, &clock);
    one.store().define(&pool(), size(1_000, 0), None).await.expect("the pool");
    // Priority asks the table without looking, and here it is kept nothing.
    let instances = [one, instance(&dynamo, &clock), instance(&dynamo, &clock)];
    let granted = stream::iter(0..1_100)
        .map(|n| {
            let controller = &instances[n % instances.len()];
            async move {
                let lease = lease();
                let asked = controller.acquire(&pool(), lease, TTL, Class::Priority, true).await;
                shard_of(&asked.expect("an answer")).map(|shard| (lease, shard))
            }
        })
        .buffer_unordered(128)
        .filter_map(std::future::ready)
        .collect::<Vec<_>>()
        .await;
    assert_eq!(granted.len(), 1_000);
    let store = instances[0].store();
    let whole = store.read(&pool()).await.expect("the pool");
    assert_eq!((whole.in_use(), whole.size.max_connections()), (1_000, 1_000));
    for shard in Shard::all(&pool(), whole.shards) {
        let seen = store.peek(&shard).await.expect("the shard");
        assert_eq!(seen.in_use(), seen.size.max_connections(), "{shard}");
    }
    let leases: BTreeSet<_> = granted.iter().map(|(lease, _)| *lease).collect();
    assert_eq!(leases, whole.leases.keys().copied().collect());
    for (n, (lease, shard)) in granted.into_iter().enumerate() {
        // Some do not say where it is.
        let shard = (!n.is_multiple_of(20)).then_some(shard);
        assert!(instances[2].release(&pool(), lease, shard).await.expect("an answer").released);
    }
    assert_eq!(store.read(&pool()).await.expect("the pool").in_use(), 0);
}

#[tokio::test]
async fn a_slot_of_a_large_pool_costs_two_requests_of_a_unit() {
    let (dynamo, _, controller) = split_pool(1_000, 17).await;
    dynamo.capacity.take();
    for _ in 0..200 {
        let lease = lease();
        let asked = controller.acquire(&pool(), lease, TTL, Class::Standard, true).await;
        let shard = shard_of(&asked.expect("an answer"));
        assert!(controller.release(&pool(), lease, shard).await.expect("an answer").released);
        assert_eq!(dynamo.capacity.take(), (vec![1.0; 2], 2));
    }
}

#[tokio::test]
async fn an_instance_learns_from_the_first_answer_how_many_shards_there_are() {
    let (dynamo, clock, controller) = split_pool(6, 3).await;
    let newcomer = instance(&dynamo, &clock);
    assert_eq!(newcomer.store().known_shards(&pool()), None);
    let mut shards = Vec::new();
    for _ in 0..6 {
        let asked = newcomer.acquire(&pool(), lease(), TTL, Class::Priority, true).await;
        shards.push(shard_of(&asked.expect("an answer")).expect("a slot"));
    }
    assert_eq!(newcomer.store().known_shards(&pool()), Some(count(3)));
    shards.sort_unstable();
    assert_eq!(shards, [0, 0, 1, 1, 2, 2]);
    assert_eq!(shard_of(&take(&controller, lease()).await), None);
}

#[tokio::test]
async fn a_repeated_acquire_is_the_same_one_in_whatever_shard_it_is() {
    let (dynamo, clock, controller) = split_pool(6, 3).await;
    let mut granted = BTreeMap::new();
    for _ in 0..6 {
        let lease = lease();
        granted.insert(lease, shard_of(&take(&controller, lease).await).expect("a slot"));
    }
    // Also where there is room again in the shard that it would begin with.
    for (lease, shard) in &granted {
        for repeated in [&controller, &instance(&dynamo, &clock)] {
            assert_eq!(shard_of(&take(repeated, *lease).await), Some(*shard));
        }
        assert_eq!(controller.store().read(&pool()).await.expect("the pool").in_use(), 6);
    }
    let (first, rest) = (granted.first_key_value(), granted.iter().skip(1));
    let (gone, _) = first.expect("six of them");
    controller.release(&pool(), *gone, None).await.expect("an answer");
    for (lease, shard) in rest {
        let renewed = controller.renew(&pool(), *lease, Seconds(60), None).await;
        assert!(matches!(renewed, Ok(Renewed::Until { .. })));
        assert_eq!(shard_of(&take(&controller, *lease).await), Some(*shard));
    }
    assert_eq!(controller.store().read(&pool()).await.expect("the pool").in_use(), 5);
}

#[tokio::test]
async fn a_pool_grows_over_more_items_while_it_is_in_use() {
    let (dynamo, clock) = (Dynamo::start().await, Arc::new(FakeClock::at(START)));
    let (old, operator) = (instance(&dynamo, &clock), instance(&dynamo, &clock));
    operator.store().define(&pool(), size(62, 2), None).await.expect("the pool");
    for _ in 0..60 {
        let asked = old.acquire(&pool(), lease(), TTL, Class::Standard, true).await;
        assert!(matches!(asked.expect("an answer").answer, AcquireAnswer::Granted(_)));
    }
    let grown = operator.store().resize(&pool(), size(130, 2), None).await.expect("the pool");
    assert_eq!((grown.shards, grown.size), (count(3), size(130, 2)));
    assert_eq!(grown.in_use(), 60);
    // The old instance knows one item, and hears of the others when that refuses.
    let mut shards = BTreeMap::<_, u32>::new();
    while let Some(shard) = shard_of(&take(&old, lease()).await) {
        *shards.entry(shard).or_default() += 1;
    }
    assert_eq!(shards, BTreeMap::from([(1, 34), (2, 34)]));
    assert_eq!(old.store().known_shards(&pool()), Some(count(3)));
}

#[tokio::test]
async fn a_pool_is_split_otherwise_only_when_it_is_drained_and_empty() {
    let (dynamo, clock, controller) = split_pool(6, 3).await;
    let store = controller.store();
    let in_use = |error| {
        let split = InvalidSplit::InUse { from: count(3), to: count(1) };
        matches!(error, StoreError::Split { source, .. } if source == split)
    };
    let held = lease();
    take(&controller, held).await;
    assert!(store.resize(&pool(), size(6, 0), Some(count(1))).await.is_err_and(in_use));
    store.drain(&pool()).await.expect("the pool");
    assert!(store.resize(&pool(), size(6, 0), Some(count(1))).await.is_err_and(in_use));
    controller.release(&pool(), held, None).await.expect("an answer");
    let whole = store.resize(&pool(), size(6, 0), Some(count(1))).await.expect("the pool");
    assert_eq!((whole.shards, whole.draining, whole.size), (count(1), true, size(6, 0)));
    let gone = store.peek(&Shard::new(pool(), 1)).await;
    assert!(matches!(gone, Err(StoreError::UnknownPool(_))));
    store.resume(&pool()).await.expect("the pool");
    let newcomer = instance(&dynamo, &clock);
    for _ in 0..6 {
        assert!(matches!(take(&newcomer, lease()).await.answer, AcquireAnswer::Granted(_)));
    }
    assert!(matches!(take(&newcomer, lease()).await.answer, AcquireAnswer::Refused(_)));
}

/// A pool of three items is put together, and whoever does it ends after the first write.
async fn first_says_one(dynamo: &Dynamo) {
    let update = dynamo.client.update_item().table_name(TABLE);
    update
        .key("RDBMSName", AttributeValue::S("Prod_MySQL".to_owned()))
        .update_expression("SET MaxConnections = :six, StandardLimit = :six REMOVE Shards")
        .expression_attribute_values(":six", AttributeValue::N("6".to_owned()))
        .send()
        .await
        .expect("an answer");
}

#[tokio::test]
async fn items_that_an_earlier_try_has_left_there_go_with_the_next() {
    for drained in [true, false] {
        let (dynamo, _clock, controller) = split_pool(6, 3).await;
        let store = controller.store();
        if drained {
            store.drain(&pool()).await.expect("the pool");
        }
        first_says_one(&dynamo).await;
        store.resume(&pool()).await.expect("the pool");
        store.resize(&pool(), size(5, 0), None).await.expect("the pool");
        assert!(store.peek(&Shard::new(pool(), 1)).await.is_ok());
        let whole = store.resize(&pool(), size(6, 0), Some(count(1))).await.expect("the pool");
        assert_eq!((whole.shards, whole.size), (count(1), size(6, 0)));
        assert_eq!(store.known_shards(&pool()), Some(count(1)));
        // What grants slots is just being added by somebody else.
        for number in [1, 2] {
            let there = store.peek(&Shard::new(pool(), number)).await.is_ok();
            assert_eq!(there, !drained);
        }
    }
}

#[tokio::test]
async fn an_instance_that_knows_items_which_are_gone_finds_the_others() {
    let (dynamo, clock, operator) = split_pool(6, 3).await;
    let (acquiring, releasing, renewing, storing) = (
        instance(&dynamo, &clock),
        instance(&dynamo, &clock),
        instance(&dynamo, &clock),
        instance(&dynamo, &clock),
    );
    let all = [&acquiring, &releasing, &renewing, &storing];
    for stale in all {
        stale.store().read(&pool()).await.expect("the pool");
    }
    operator.store().drain(&pool()).await.expect("the pool");
    operator.store().resize(&pool(), size(6, 0), Some(count(1))).await.expect("the pool");
    operator.store().resume(&pool()).await.expect("the pool");
    // Its first item, of the three that there were, is none that is left.
    let elsewhere = || {
        std::iter::repeat_with(lease).find(|lease| Tour::first(*lease, 3) > 0).expect("one of them")
    };
    let asked = acquiring.acquire(&pool(), elsewhere(), TTL, Class::Standard, true).await;
    assert!(matches!(asked.expect("an answer").answer, AcquireAnswer::Granted(_)));
    let stored = take(&storing, elsewhere()).await.answer;
    assert!(matches!(stored, AcquireAnswer::Granted(_)), "{stored:?}");
    let held = elsewhere();
    take(&operator, held).await;
    let renewed = renewing.renew(&pool(), held, Seconds(60), None).await;
    assert!(matches!(renewed, Ok(Renewed::Until { .. })), "{renewed:?}");
    let released = releasing.release(&pool(), held, None).await;
    assert!(released.expect("an answer").released);
    for stale in all {
        stale.store().read(&pool()).await.expect("the pool");
        assert_eq!(stale.store().known_shards(&pool()), Some(count(1)));
    }
}

#[tokio::test]
async fn a_repeated_call_to_a_pool_that_was_split_since_finds_its_lease() {
    let (dynamo, clock, operator) = split_pool(4, 1).await;
    let stale = instance(&dynamo, &clock);
    stale.store().read(&pool()).await.expect("the pool");
    assert_eq!(stale.store().known_shards(&pool()), Some(count(1)));
    operator.store().drain(&pool()).await.expect("the pool");
    operator.store().resize(&pool(), size(4, 0), Some(count(2))).await.expect("the pool");
    operator.store().resume(&pool()).await.expect("the pool");
    // Its first try was granted in the second item, by an instance that knows of it.
    let second = || std::iter::repeat_with(lease).find(|lease| Tour::first(*lease, 2) == 1);
    let held = second().expect("one of them");
    take(&operator, held).await;
    operator.store().drain(&pool()).await.expect("the pool");
    let repeated = stale.acquire(&pool(), held, TTL, Class::Standard, false).await;
    let answer = repeated.expect("an answer").answer;
    let in_shard_1 = matches!(answer, AcquireAnswer::Granted(Granted { shard: Some(1), .. }));
    assert!(in_shard_1, "{answer:?}");
}

#[tokio::test]
async fn an_item_that_somebody_has_deleted_keeps_nobody_waiting() {
    let (dynamo, clock, controller) = split_pool(6, 3).await;
    let deleted = dynamo.client.delete_item().table_name(TABLE);
    let key = AttributeValue::S("Prod_MySQL#2".to_owned());
    deleted.key("RDBMSName", key).send().await.expect("an answer");
    let unknown = |error| matches!(error, StoreError::UnknownPool(_));
    assert!(controller.store().read(&pool()).await.is_err_and(unknown));
    // What is left goes on.
    let newcomer = instance(&dynamo, &clock);
    for _ in 0..4 {
        let asked = newcomer.acquire(&pool(), lease(), TTL, Class::Priority, true).await;
        assert!(matches!(asked.expect("an answer").answer, AcquireAnswer::Granted(_)));
    }
    let asked = newcomer.acquire(&pool(), lease(), TTL, Class::Priority, true).await;
    assert!(matches!(asked.expect("an answer").answer, AcquireAnswer::Refused(_)));
}

#[tokio::test]
async fn a_split_pool_drains_is_swept_and_is_removed_as_one() {
    let (_dynamo, clock, controller) = split_pool(6, 3).await;
    let store = controller.store();
    for _ in 0..6 {
        take(&controller, lease()).await;
    }
    assert!(!store.remove_unused(&pool()).await.expect("an answer"));
    assert!(!store.read(&pool()).await.expect("the pool").draining);
    assert!(store.drain(&pool()).await.expect("the pool").draining);
    clock.advance(Seconds(60));
    let swept = store.sweep(&pool()).await.expect("an answer");
    assert_eq!((swept.swept, swept.pool.in_use()), (6, 0));
    store.resume(&pool()).await.expect("the pool");
    let evicted = lease();
    take(&controller, evicted).await;
    assert!(store.evict(&pool(), evicted).await.expect("an answer").was_until.is_some());
    assert!(store.remove_unused(&pool()).await.expect("an answer"));
    for number in 0..3 {
        let gone = store.peek(&Shard::new(pool(), number)).await;
        assert!(matches!(gone, Err(StoreError::UnknownPool(_))), "{number}");
    }
}

#[tokio::test]
async fn an_expired_lease_that_asks_again_is_held_to_the_limit_of_every_item() {
    let (_dynamo, clock, controller) = split_pool(6, 2).await;
    let store = controller.store();
    let mut out = BTreeMap::new();
    for _ in 0..6 {
        let lease = lease();
        out.insert(lease, shard_of(&take(&controller, lease).await).expect("a slot"));
    }
    store.resize(&pool(), size(4, 0), None).await.expect("the pool");
    clock.advance(Seconds(20));
    let (late, home) = out.pop_first().expect("six of them");
    for (lease, shard) in &out {
        controller.renew(&pool(), *lease, TTL, Some(*shard)).await.expect("an answer");
    }
    clock.advance(Seconds(20));
    // Two others are out in its item, three in the other one, and each may have two.
    assert_eq!(shard_of(&take(&controller, late).await), None);
    let elsewhere: Vec<_> = out.into_iter().filter(|(_, shard)| *shard != home).collect();
    for (lease, shard) in elsewhere.iter().take(2) {
        controller.release(&pool(), *lease, Some(*shard)).await.expect("an answer");
    }
    // What is live is what it is told again, not what has expired at home.
    for _ in 0..2 {
        assert_eq!(shard_of(&take(&controller, late).await), Some(1 - home));
    }
    let found = store.find(&pool(), late).await.expect("an answer").expect("it is out");
    assert_eq!(found, 1 - home);
}

/// The slots that the pool has as it stands, item by item.
async fn slots_of(dynamo: &Dynamo, clock: &Arc<FakeClock>) -> Vec<u32> {
    let store = instance(dynamo, clock);
    let mut slots = Vec::new();
    let whole = store.store().read(&pool()).await.expect("the pool");
    for shard in Shard::all(&pool(), whole.shards) {
        slots.push(store.store().peek(&shard).await.expect("the shard").size.max_connections());
    }
    slots
}

/// A drained pool of 20 slots over two items that have grown unevenly: 13 and 7.
async fn uneven_pool() -> (Dynamo, Arc<FakeClock>, TestController) {
    let (dynamo, clock, controller) = split_pool(13, 1).await;
    let store = controller.store();
    store.resize(&pool(), size(20, 0), Some(count(2))).await.expect("the pool");
    store.drain(&pool()).await.expect("the pool");
    assert_eq!(slots_of(&dynamo, &clock).await, [13, 7]);
    (dynamo, clock, controller)
}

#[tokio::test]
async fn a_change_that_stops_at_any_write_and_is_resumed_grants_no_slot_too_many() {
    // Slots that move, more items, fewer items, one; more slots, and fewer.
    for (slots, items) in [(20, 2), (20, 4), (12, 3), (20, 1), (28, 2), (8, 2), (28, 1)] {
        for writes in 0.. {
            let (dynamo, clock, _) = uneven_pool().await;
            let operator = instance(&dynamo, &clock);
            let known = operator.store().read(&pool()).await.expect("the pool");
            assert!(known.draining);
            dynamo.faults.fail_writes_after(writes);
            let stopped =
                operator.store().resize(&pool(), size(slots, 0), Some(count(items))).await;
            dynamo.faults.none();
            let most = slots.max(20);
            let there = slots_of(&dynamo, &clock).await;
            assert!(
                there.iter().sum::<u32>() <= most,
                "{there:?} after {writes} writes of {slots}"
            );
            // Whoever has it grant again, and then asks, by an instance that knows of the items before.
            instance(&dynamo, &clock).store().resume(&pool()).await.expect("the pool");
            let mut granted = 0;
            for asking in [&operator, &instance(&dynamo, &clock)] {
                while shard_of_any(&take(asking, lease()).await) {
                    granted += 1;
                }
            }
            assert!(
                granted <= most,
                "{granted} slots after {writes} writes of {slots} over {items}"
            );
            match stopped {
                Ok(whole) => {
                    assert_eq!((whole.size, granted), (size(slots, 0), slots));
                    break;
                }
                Err(StoreError::Table { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

fn shard_of_any(decision: &Decision<AcquireAnswer>) -> bool {
    matches!(decision.answer, AcquireAnswer::Granted(_))
}

#[tokio::test]
async fn a_change_that_stopped_is_completed_by_the_next_try() {
    for stop in 0..3 {
        let (dynamo, clock, controller) = uneven_pool().await;
        dynamo.faults.fail_writes_after(stop);
        let (store, pool) = (controller.store(), pool());
        let resize = || store.resize(&pool, size(20, 0), Some(count(4)));
        assert!(resize().await.is_err());
        dynamo.faults.none();
        resize().await.expect("the pool");
        assert_eq!(slots_of(&dynamo, &clock).await, [5; 4]);
    }
}

/// What may happen to a split pool.
#[derive(Debug, Clone)]
enum Step {
    Acquire { lease: u32, new: bool, class: Class },
    Release { lease: u32, told: bool },
    Renew { lease: u32, told: bool },
    Resize { slots: u32, priority: u32 },
    Drain,
    Resume,
    Sweep,
    Evict { lease: u32 },
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let class = prop_oneof![3 => Just(Class::Standard), 1 => Just(Class::Priority)];
    let lease = || 0..20_u32;
    prop_oneof![
        8 => (lease(), any::<bool>(), class)
            .prop_map(|(lease, new, class)| Step::Acquire { lease, new, class }),
        4 => (lease(), any::<bool>()).prop_map(|(lease, told)| Step::Release { lease, told }),
        1 => (lease(), any::<bool>()).prop_map(|(lease, told)| Step::Renew { lease, told }),
        2 => (3..14_u32, 0..3_u32).prop_map(|(slots, priority)| Step::Resize { slots, priority }),
        1 => Just(Step::Drain),
        2 => Just(Step::Resume),
        1 => Just(Step::Sweep),
        1 => lease().prop_map(|lease| Step::Evict { lease }),
        1 => Just(Step::Wait),
    ]
}

/// The leases that are out, and the shard that each is in: as the answers have it.
type Out = BTreeMap<LeaseId, u32>;

async fn take_step(controllers: &[TestController], at: usize, step: &Step, out: &mut Out) {
    let controller = &controllers[at % controllers.len()];
    let store = controller.store();
    let id = |n: u32| format!("L{n:07}").parse::<LeaseId>().expect("an id");
    match *step {
        Step::Acquire { lease, new, class } => {
            // Only a lease that is not out is asked for anew.
            let new = new && !out.contains_key(&id(lease));
            let asked = controller.acquire(&pool(), id(lease), TTL, class, new).await;
            match shard_of(&asked.expect("an answer")) {
                Some(shard) => {
                    assert_eq!(*out.entry(id(lease)).or_insert(shard), shard, "it is out there");
                }
                None => assert!(!out.contains_key(&id(lease)), "it was granted before"),
            }
        }
        Step::Release { lease, told } => {
            let shard = out.remove(&id(lease));
            let back = controller.release(&pool(), id(lease), shard.filter(|_| told)).await;
            assert_eq!(back.expect("an answer").released, shard.is_some());
        }
        Step::Renew { lease, told } => {
            let shard = out.get(&id(lease)).copied();
            let renewed = controller.renew(&pool(), id(lease), TTL, shard.filter(|_| told)).await;
            let lost = renewed.expect("an answer") == Renewed::Lost;
            assert_eq!(lost, shard.is_none());
        }
        Step::Resize { slots, priority } => {
            if let Ok(size) = PoolSize::divide(slots, 0, priority) {
                match store.resize(&pool(), size, None).await {
                    Ok(resized) => assert_eq!(resized.size, size),
                    Err(StoreError::Split { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
        Step::Drain => drop(store.drain(&pool()).await.expect("the pool")),
        Step::Resume => drop(store.resume(&pool()).await.expect("the pool")),
        Step::Sweep => drop(store.sweep(&pool()).await.expect("the pool")),
        Step::Evict { lease } => {
            let was = store.evict(&pool(), id(lease)).await.expect("an answer").was_until;
            assert_eq!(was.is_some(), out.remove(&id(lease)).is_some());
        }
        Step::Wait => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// Whatever happens, in whatever order and by whichever instance: what is out is what was granted and
    /// did not come back, and never more comes in than the largest size since the pool was last within its
    /// own.
    #[test]
    fn what_is_out_is_what_the_answers_say(
        shards in 2..4_u32,
        steps in prop::collection::vec((0..3_usize, step()), 1..80),
    ) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let (dynamo, clock, first) = split_pool(9, shards).await;
            let others = [instance(&dynamo, &clock), instance(&dynamo, &clock)];
            let controllers: Vec<_> = std::iter::once(first).chain(others).collect();
            let (mut out, mut largest) = (Out::new(), 9);
            for (at, step) in &steps {
                if let Step::Wait = step {
                    // All that is out expires, and is swept before it is taken over.
                    clock.advance(Seconds(60));
                    while controllers[0].store().sweep(&pool()).await.expect("the pool").swept > 0 {}
                    out.clear();
                }
                take_step(&controllers, *at, step, &mut out).await;
                let whole = controllers[0].store().read(&pool()).await.expect("the pool");
                prop_assert_eq!(
                    whole.leases.keys().collect::<Vec<_>>(),
                    out.keys().collect::<Vec<_>>(),
                    "{:?}", step
                );
                largest = largest.max(whole.size.max_connections());
                prop_assert!(whole.in_use() <= largest, "{step:?}");
                if whole.in_use() <= whole.size.max_connections() {
                    let mut within = true;
                    for shard in Shard::all(&pool(), whole.shards) {
                        let seen = controllers[0].store().peek(&shard).await.expect("the shard");
                        within &= seen.in_use() <= seen.size.max_connections();
                    }
                    if within {
                        largest = whole.size.max_connections();
                    }
                }
            }
            Ok(())
        })?;
    }
}
