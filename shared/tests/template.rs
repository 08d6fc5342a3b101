//! The template's dashboard and alarms show exactly the metrics that the functions emit.

use std::collections::BTreeSet;

use rds_admission::telemetry::{DIMENSION, Metric, NAMESPACE};
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

/// Metrics that Lambda emits for every function
/// (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>).
const LAMBDAS_OWN: [&str; 5] =
    ["Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions"];

/// Metrics that the dashboard does not show.
const LEFT_OUT: [Metric; 0] = [];

/// A metric that the template names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Watched {
    namespace: String,
    name: String,
    dimension: String,
    value: String,
}

fn template() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");
    std::fs::read_to_string(path).expect("template.yaml")
}

/// The resources of a type, by their names.
fn resources<'t>(template: &'t Yaml<'t>, kind: &str) -> Vec<(&'t str, &'t Yaml<'t>)> {
    let all = template["Resources"].as_mapping().expect("resources");
    let named = all.iter().filter(|(_, resource)| resource["Type"].as_str() == Some(kind));
    named
        .map(|(name, resource)| (name.as_str().expect("a name"), &resource["Properties"]))
        .collect()
}

/// Returns a text, with or without an intrinsic function around it.
fn text<'t>(node: &'t Yaml<'t>) -> &'t str {
    node.get_tagged_node().unwrap_or(node).as_str().expect("a text")
}

/// A reference as it stands in a text.
fn as_in_sub(node: &Yaml<'_>) -> String {
    match node {
        Yaml::Tagged(tag, node) if tag.suffix == "Ref" => format!("${{{}}}", text(node)),
        _ => text(node).to_owned(),
    }
}

fn alarms(template: &Yaml<'_>) -> Vec<Watched> {
    let watched = |alarm: &Yaml<'_>| {
        let dimensions = alarm["Dimensions"].as_vec().expect("dimensions");
        let [dimension] = &dimensions[..] else { panic!("one dimension: {dimensions:?}") };
        Watched {
            namespace: text(&alarm["Namespace"]).to_owned(),
            name: text(&alarm["MetricName"]).to_owned(),
            dimension: text(&dimension["Name"]).to_owned(),
            value: as_in_sub(&dimension["Value"]),
        }
    };
    resources(template, "AWS::CloudWatch::Alarm").into_iter().map(|(_, it)| watched(it)).collect()
}

/// The dashboard, without the parts under a condition.
fn dashboard(template: &Yaml<'_>) -> Value {
    let dashboards = resources(template, "AWS::CloudWatch::Dashboard");
    let [(_, dashboard)] = dashboards[..] else { panic!("one dashboard: {dashboards:?}") };
    let sub = dashboard["DashboardBody"].get_tagged_node().and_then(Yaml::as_vec);
    let [body, variables] = &sub.expect("a text and its variables")[..] else { panic!("{sub:?}") };
    let variables = variables.as_mapping().expect("variables").keys();
    let body = variables.fold(text(body).to_owned(), |body, name| {
        body.replace(&format!("${{{}}}", text(name)), "")
    });
    serde_json::from_str(&body).expect("JSON")
}

fn shown(dashboard: &Value) -> Vec<Watched> {
    let watched = |metric: &Value| {
        let metric = metric.as_array().expect("a metric");
        let names: Vec<String> =
            metric.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let [namespace, name, dimension, value] =
            names.try_into().expect("namespace, name, and one dimension");
        Watched { namespace, name, dimension, value }
    };
    let widgets = dashboard["widgets"].as_array().expect("widgets").iter();
    let metrics = widgets.filter_map(|widget| widget["properties"]["metrics"].as_array());
    metrics.flatten().map(watched).collect()
}

fn ours(watched: &[Watched]) -> BTreeSet<&str> {
    let ours = watched.iter().filter(|metric| metric.namespace == NAMESPACE);
    ours.map(|metric| metric.name.as_str()).collect()
}

/// Returns what is wrong with a metric, if anything.
fn complaint(metric: &Watched) -> Option<String> {
    let of_a_function = |value: &str| {
        let function = value.strip_prefix("${AWS::StackName}-");
        function.is_some_and(|function| {
            template().contains(&format!("FunctionName: !Sub ${{AWS::StackName}}-{function}\n"))
        })
    };
    let known = match metric.namespace.as_str() {
        NAMESPACE => {
            Metric::ALL.iter().any(|known| known.name() == metric.name)
                && metric.dimension == DIMENSION
                && metric.value == "${PoolName}"
        }
        "AWS/Lambda" => {
            LAMBDAS_OWN.contains(&metric.name.as_str())
                && metric.dimension == "FunctionName"
                && of_a_function(&metric.value)
        }
        _ => false,
    };
    (!known).then(|| format!("no function measures {metric:?}"))
}

#[test]
fn the_template_watches_nothing_that_is_not_measured() {
    let template = template();
    let template = &Yaml::load_from_str(&template).expect("YAML")[0];
    let watched = [alarms(template), shown(&dashboard(template))].concat();
    assert!(watched.len() > Metric::ALL.len(), "{watched:?}");
    let complaints: Vec<_> = watched.iter().filter_map(complaint).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn the_dashboard_shows_everything_that_is_measured() {
    let template = template();
    let template = &Yaml::load_from_str(&template).expect("YAML")[0];
    let shown = shown(&dashboard(template));
    let measured = Metric::ALL.iter().filter(|metric| !LEFT_OUT.contains(metric));
    let measured: BTreeSet<_> = measured.map(|metric| metric.name()).collect();
    assert_eq!(ours(&shown), measured);
}

#[test]
fn every_alarm_says_what_it_means_and_can_tell_somebody() {
    let template = template();
    let template = &Yaml::load_from_str(&template).expect("YAML")[0];
    for (name, alarm) in resources(template, "AWS::CloudWatch::Alarm") {
        let description = text(&alarm["AlarmDescription"]);
        // CloudWatch's maximum.
        assert!((60..=1024).contains(&description.len()), "{name}: {description}");
        for actions in ["AlarmActions", "OKActions"] {
            let choice = alarm[actions].get_tagged_node().and_then(Yaml::as_vec);
            let choice = choice.unwrap_or_else(|| panic!("{name} has no {actions}"));
            assert_eq!(choice[0].as_str(), Some("Notify"), "{name}");
        }
    }
}

#[test]
fn a_metric_that_nobody_measures_is_noticed() {
    let right = Watched {
        namespace: NAMESPACE.to_owned(),
        name: "SlotsInUse".to_owned(),
        dimension: DIMENSION.to_owned(),
        value: "${PoolName}".to_owned(),
    };
    let lambdas = Watched {
        namespace: "AWS/Lambda".to_owned(),
        name: "Errors".to_owned(),
        dimension: "FunctionName".to_owned(),
        value: "${AWS::StackName}-counter".to_owned(),
    };
    assert_eq!((complaint(&right), complaint(&lambdas)), (None, None));
    for wrong in [
        Watched { namespace: "rds".to_owned(), ..right.clone() },
        Watched { name: "InUse".to_owned(), ..right.clone() },
        Watched { dimension: "pool".to_owned(), ..right.clone() },
        Watched { value: "PoolName".to_owned(), ..right },
        Watched { name: "Error".to_owned(), ..lambdas.clone() },
        Watched { value: "${AWS::StackName}-unknown".to_owned(), ..lambdas },
    ] {
        assert!(complaint(&wrong).is_some(), "{wrong:?}");
    }
}
