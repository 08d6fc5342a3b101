//! A log line: a JSON object with fields and metrics.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime as Timestamp};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::{Metrics, chain};

/// Formats an event as one line of JSON: timestamp, level and fields at the root, as the embedded metric format
/// requires. Spans are left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        let mut timestamp = String::new();
        Timestamp.format_time(&mut Writer::new(&mut timestamp))?;
        let mut line = Line::new(timestamp, event.metadata().level().as_str());
        event.record(&mut line);
        writeln!(writer, "{}", line.finish(at))
    }
}

/// The members of the object, in order.
#[derive(Debug)]
pub(super) struct Line {
    members: Vec<(&'static str, Value)>,
    metrics: Option<Metrics>,
}

impl Line {
    pub(super) fn new(timestamp: String, level: &'static str) -> Self {
        let members = vec![("timestamp", timestamp.into()), ("level", level.into())];
        Self { members, metrics: None }
    }

    /// Returns the line without a line break. `at`, in milliseconds since the epoch, is the metrics' timestamp.
    pub(super) fn finish(mut self, at: u64) -> String {
        for (name, value) in self.metrics.take().into_iter().flat_map(|metrics| metrics.at(at)) {
            self.put(name, value);
        }
        serde_json::to_string(&self).unwrap_or_default()
    }

    /// Adds a member, or replaces the one of the same name.
    fn put(&mut self, name: &'static str, value: impl Into<Value>) {
        let value = value.into();
        match self.members.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.members.push((name, value)),
        }
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.members.iter().map(|(name, value)| (name, value)))
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field.name(), chain(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == Metrics::FIELD
            && let Ok(metrics) = serde_json::from_str(&text)
        {
            self.metrics = Some(metrics);
        } else {
            self.put(field.name(), text);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::*;
    use crate::telemetry::Metric;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What stands in the log after `events`.
    fn logged(events: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .event_format(JsonLines)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, events);
        let bytes = written.0.lock().expect("not poisoned").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    fn pool() -> crate::pool::PoolName {
        "Prod_MySQL".parse().expect("a name")
    }

    #[test]
    fn a_line_is_one_flat_object_whatever_is_said() {
        let text = logged(|| {
            let error = std::io::Error::other("first\nsecond");
            let error = &error as &(dyn std::error::Error + 'static);
            tracing::info_span!("a span", left = "out").in_scope(|| {
                tracing::warn!(a = 1, b = -1, c = 0.5, d = true, e = "\"\u{2028}\n", error, "said");
                tracing::info!(none = None::<u64>, some = Some(3), level = "mine", nan = f64::NAN);
            });
        });
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let [warning, information] = &lines[..] else { panic!("not two lines: {text}") };
        let expected = json!({
            "timestamp": warning["timestamp"], "level": "WARN", "message": "said", "a": 1, "b": -1,
            "c": 0.5, "d": true, "e": "\"\u{2028}\n", "error": "first\nsecond",
        });
        assert_eq!(*warning, expected);
        assert!(text.starts_with(r#"{"timestamp":"20"#), "{text}");
        let expected = json!({
            "timestamp": information["timestamp"], "level": "mine", "some": 3, "nan": null,
        });
        assert_eq!(*information, expected);
    }

    #[test]
    fn metrics_stand_at_the_root_beside_the_fields() {
        let text = logged(|| {
            let metrics = Metrics::new(pool())
                .count(Metric::SlotsGranted, 1)
                .count(Metric::LeasesTakenOver, 0)
                .fraction(Metric::DecisionLatency, 4.25)
                .fraction(Metric::SlotUtilisation, f64::NAN);
            tracing::info!(outcome = "granted", %metrics, "decision");
        });
        let line: Value = serde_json::from_str(&text).expect("one line of JSON");
        let expected = json!({
            "timestamp": line["timestamp"], "level": "INFO", "message": "decision",
            "outcome": "granted",
            "_aws": {
                "Timestamp": line["_aws"]["Timestamp"],
                "CloudWatchMetrics": [{
                    "Namespace": "rds-admission",
                    "Dimensions": [["Pool"]],
                    "Metrics": [
                        { "Name": "SlotsGranted", "Unit": "Count" },
                        { "Name": "DecisionLatency", "Unit": "Milliseconds" },
                    ],
                }],
            },
            "Pool": "Prod_MySQL", "SlotsGranted": 1, "DecisionLatency": 4.25,
        });
        assert_eq!(line, expected);
        // Between the start of 2020 and that of 2100.
        let at = line["_aws"]["Timestamp"].as_u64().expect("milliseconds");
        assert!((1_577_836_800_000..4_102_444_800_000).contains(&at), "{at}");
    }

    #[test]
    fn all_metrics_at_once_keep_to_the_format() {
        let mut metrics = Metrics::new(pool());
        for metric in Metric::ALL {
            metrics = metrics.gauge(*metric, u32::MAX);
        }
        let text = logged(|| tracing::info!(%metrics, "decision"));
        let line: Value = serde_json::from_str(&text).expect("one line of JSON");
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        let defined = directive["Metrics"].as_array().expect("definitions");
        assert_eq!(defined.len(), Metric::ALL.len());
        assert!(defined.len() <= 100);
        for metric in defined {
            let name = metric["Name"].as_str().expect("a name");
            assert!(line[name].is_number(), "{name}: {}", line[name]);
        }
        for set in directive["Dimensions"].as_array().expect("sets") {
            let set = set.as_array().expect("a set");
            assert!(set.len() <= 30);
            for dimension in set {
                let name = dimension.as_str().expect("a name");
                assert!(line[name].is_string(), "{name}: {}", line[name]);
            }
        }
    }

    #[test]
    fn nothing_measured_is_a_line_as_any_other() {
        let text = logged(|| {
            let metrics = Metrics::new(pool());
            tracing::info!(%metrics, "decision");
            tracing::info!(metrics = "not ours", "decision");
        });
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines[0].as_object().expect("an object").len(), 3, "{text}");
        assert_eq!(lines[1]["metrics"], "not ours");
    }
}
