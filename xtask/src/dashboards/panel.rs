//! Panels of a dashboard.

use serde_json::{Value, json};

/// Width of the whole page.
pub const FULL: u32 = 24;

/// Where a panel's data comes from: a variable of the dashboard.
pub struct Source {
    name: &'static str,
    label: &'static str,
    kind: &'static str,
}

/// Prometheus.
pub const DATASOURCE: Source = Source {
    name: "datasource",
    label: "Data source",
    kind: "prometheus",
};

/// Loki, with the agents' standard output.
pub const LOGS: Source = Source {
    name: "loki_datasource",
    label: "Logs",
    kind: "loki",
};

impl Source {
    /// A reference to it.
    pub fn json(&self) -> Value {
        json!({ "type": self.kind, "uid": format!("${{{}}}", self.name) })
    }

    /// The variable that chooses it.
    pub fn variable(&self) -> Value {
        json!({
            "type": "datasource",
            "name": self.name,
            "label": self.label,
            "query": self.kind,
            "current": {},
            "hide": 0,
            "includeAll": false,
            "multi": false,
            "options": [],
            "refresh": 1,
            "regex": "",
            "skipUrlSync": false,
        })
    }
}

/// A panel.
pub struct Panel {
    kind: &'static str,
    title: &'static str,
    description: &'static str,
    unit: &'static str,
    /// Queries with their legends.
    queries: Vec<(String, &'static str)>,
    /// Columns, out of [`FULL`].
    pub width: u32,
    /// Rows of the grid.
    pub height: u32,
}

/// Lines over time.
pub fn lines(
    title: &'static str,
    description: &'static str,
    unit: &'static str,
    queries: Vec<(String, &'static str)>,
) -> Panel {
    Panel {
        kind: "timeseries",
        title,
        description,
        unit,
        queries,
        width: 12,
        height: 8,
    }
}

/// One number, as it is now.
pub fn number(
    title: &'static str,
    description: &'static str,
    unit: &'static str,
    query: String,
) -> Panel {
    Panel {
        kind: "stat",
        title,
        description,
        unit,
        queries: vec![(query, "")],
        width: 4,
        height: 4,
    }
}

/// Labels and values as they are now.
pub fn table(title: &'static str, description: &'static str, query: String) -> Panel {
    Panel {
        kind: "table",
        title,
        description,
        unit: "short",
        queries: vec![(query, "")],
        width: 12,
        height: 8,
    }
}

/// Lines of a log.
pub fn logs(title: &'static str, description: &'static str, query: String) -> Panel {
    Panel {
        kind: "logs",
        title,
        description,
        unit: "short",
        queries: vec![(query, "")],
        width: FULL,
        height: 10,
    }
}

impl Panel {
    /// The same over the whole page.
    pub fn wide(self) -> Self {
        Self {
            width: FULL,
            ..self
        }
    }

    /// Whether its data comes from a log.
    pub fn is_of_logs(&self) -> bool {
        self.kind == "logs"
    }

    /// The panel at a place of the grid.
    pub fn json(&self, id: usize, x: u32, y: u32) -> Value {
        let source = if self.is_of_logs() { LOGS } else { DATASOURCE };
        let instant = matches!(self.kind, "stat" | "table");
        let targets = self.queries.iter().zip('A'..).map(|((query, legend), id)| {
            json!({
                "datasource": source.json(),
                "refId": id.to_string(),
                "expr": query,
                "legendFormat": legend,
                "instant": instant,
                "range": !instant,
                "format": if self.kind == "table" { "table" } else { "time_series" },
            })
        });
        json!({
            "id": id,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": source.json(),
            "gridPos": { "h": self.height, "w": self.width, "x": x, "y": y },
            "fieldConfig": {
                "defaults": { "unit": self.unit },
                "overrides": [],
            },
            "options": self.options(),
            "transformations": self.transformations(),
            "targets": targets.collect::<Vec<_>>(),
        })
    }

    fn options(&self) -> Value {
        match self.kind {
            "timeseries" => json!({
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
            "stat" => json!({
                "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            }),
            "logs" => json!({ "showTime": true, "wrapLogMessage": true, "enableLogDetails": true }),
            _ => json!({}),
        }
    }

    /// A table shows what is told of a thing, not where the sample came from.
    fn transformations(&self) -> Value {
        match self.kind {
            "table" => json!([{
                "id": "organize",
                "options": { "excludeByName": { "Time": true, "__name__": true, "job": true } },
            }]),
            _ => json!([]),
        }
    }
}
