//! The last anomaly in words, and open incidents.

use super::*;

#[test]
fn the_last_anomaly_of_a_class_is_told_in_words() {
    let (metrics, now) = (metrics(5000), Instant::now());
    let web = container(1, "web");
    metrics.container_seen(&web, now);
    assert!(
        !metrics
            .text(now)
            .unwrap()
            .contains("picket_last_anomaly_info")
    );
    raise(&metrics, &web, now);
    let words = |text: &str| {
        let lines = text.lines();
        let lines = lines.filter(|line| line.starts_with("picket_last_anomaly_info{"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let [line] = words(&metrics.text(now).unwrap()).try_into().unwrap();
    assert_eq!(
        line,
        "picket_last_anomaly_info{namespace=\"docker\",pod=\"web\",container=\"web\",class=\"file\",severity=\"high\",\
         event_id=\"01JD3T7Q3Q0V8K2M5N6P7R8S9T\",reason=\"python3 wrote /etc/ld.so.preload\"} 1"
    );
    let long = "ä".repeat(5000);
    let mut next = Anomaly {
        class: Class::File,
        severity: Severity::Low,
        event_id: "01JD3T7Q3Q0V8K2M5N6P7R8S9V",
        title: &long,
        unix_ms: 1_700_000_002_000,
    };
    metrics.anomaly(&web, &next, now);
    let [line] = words(&metrics.text(now).unwrap()).try_into().unwrap();
    assert!(
        line.contains("severity=\"high\""),
        "a lesser one does not hide what an alert is about"
    );
    next.unix_ms += 3_600_000;
    metrics.anomaly(&web, &next, now);
    let [line] = words(&metrics.text(now).unwrap()).try_into().unwrap();
    assert!(line.contains("severity=\"low\"") && line.chars().count() < 400);
}

#[test]
fn open_incidents_are_told_by_their_severity() {
    let (metrics, now) = (metrics(5000), Instant::now());
    let (web, job) = (container(1, "web"), container(2, "job"));
    metrics.container_seen(&web, now);
    metrics.container_seen(&job, now);
    let open = |name: &str, severity: Severity| {
        let text = metrics.text(now).unwrap();
        let series = format!(
            "picket_incident_open{{namespace=\"docker\",pod=\"{name}\",container=\"{name}\",severity=\"{}\"}}",
            severity.name()
        );
        value(&text, &series)
    };
    assert_eq!(open("web", Severity::High), Some(0.0));
    raise(&metrics, &web, now);
    let cgroup = web.cgroup;
    metrics.incidents([(cgroup, Severity::High), (cgroup, Severity::Low)].into_iter());
    assert_eq!(open("web", Severity::High), Some(1.0));
    assert_eq!(open("web", Severity::Low), Some(0.0));
    assert_eq!(open("job", Severity::High), Some(0.0));
    metrics.incidents(std::iter::empty());
    assert_eq!(open("web", Severity::High), Some(0.0));
}

#[test]
fn an_incident_outlives_its_container_for_as_long_as_the_series_do() {
    let (metrics, now) = (metrics(5000), Instant::now());
    let web = container(1, "web");
    metrics.container_seen(&web, now);
    raise(&metrics, &web, now);
    metrics.container_gone(&web, now);
    metrics.incidents([(web.cgroup, Severity::High)].into_iter());
    let text = metrics.text(now).unwrap();
    let series = "picket_incident_open{namespace=\"docker\",pod=\"web\",container=\"web\",severity=\"high\"}";
    assert_eq!(value(&text, series), Some(1.0));
}
