// The REST contract as the dashboard reads it. Times are RFC 3339 UTC; a value that is no number is null.

export type Priority = "low" | "medium" | "high" | "critical";
export type RunState = "running" | "idle" | "down" | "unknown";
export type QualityClass = "good" | "uncertain" | "bad";
export type Value = number | boolean | string | null;

export interface Stats {
  readings: number;
  readings_per_s: number;
  active_alarms: number;
  disk_bytes: number;
  bytes_per_reading: number | null;
  alarm_latency_ms: { p50: number | null; p99: number | null } | null;
  disk_full: boolean;
}

export interface Connector {
  name: string;
  kind: string;
  state: string;
  detail: string;
  since: string | null;
  readings: number;
  refused: number;
  reconnects: number;
}

/** Where alarms are sent. */
export interface Output {
  name: string;
  kind: string;
  state: string;
  detail: string;
  since: string | null;
  backlog: number;
  backlog_bytes: number;
  backlog_age_s: number;
  backlog_bytes_per_s: number;
  backlog_left_s: number | null;
  delivered: number;
  dead: number;
  lost: number;
  last_error: string | null;
  last_error_time: string | null;
}

export interface Plant {
  name: string;
  enterprise: string;
  version: string;
  started: string;
  shards: number;
  opcua_endpoint: string;
  machines: number;
  sensors: number;
  connectors: Connector[];
  outputs: Output[];
  stats: Stats | null; // null: who sees a part of the plant is not told its totals
}

export interface Machine {
  id: string;
  path: string;
  type: string;
  description: string;
  site: string;
  area: string;
  line: string;
  cell: string;
  state: RunState;
  state_name?: string;
  quality: QualityClass;
  active_alarms: number;
  highest_priority: Priority | null;
  sensors: number;
}

export interface LastSecond {
  start: string;
  count: number;
  bad_count: number;
  min: number | null;
  max: number | null;
  mean: number | null;
}

export interface Sensor {
  name: string;
  path: string;
  component: string;
  description: string;
  unit: string | null;
  type: string;
  range: { low: number; high: number } | null;
  rate_hz: number;
  value: Value;
  state_name?: string;
  quality: string;
  quality_code: number;
  source_time: string | null;
  received: string | null;
  last_second: LastSecond | null;
}

export interface Component {
  name: string;
  part_of: string;
  description: string;
  sensors: Sensor[];
}

/** What lowers health. */
export interface HealthReason {
  kind: "alarm" | "envelope" | "vibration-zone" | "model-score" | "remaining-life";
  cost: number;
  sensor: string | null;
  text: string;
  since: string | null;
}

export interface RemainingLife {
  method: "health" | "health-trend" | "model";
  days: number | null;
  low: number | null;
  high: number | null;
  share: number;
  problem?: string | null;
  drift?: { column: string; share_outside: number; cycles: number; drifted: boolean };
}

export interface ComponentHealth {
  /** Empty: the machine itself. */
  name: string;
  health: number;
  confidence: number;
  reasons: HealthReason[];
  remaining_life: RemainingLife;
  failure_probability: { within_days: number; probability: number };
}

export interface Computed {
  health: number;
  components: ComponentHealth[];
}

export interface Desired {
  value: Value;
  unit?: string;
  tolerance?: number;
  reported: Value;
  state: "met" | "differs" | "unknown";
  since: string | null;
  alarmed: boolean;
}

/** A change of a machine's twin; of desired values how they stand alone. */
export interface TwinEvent {
  id: string;
  version: number;
  computed: Computed;
  desired: Record<string, Pick<Desired, "state" | "since" | "alarmed">>;
}

export interface Twin {
  id: string;
  path: string;
  type: string;
  description: string;
  nameplate: { manufacturer: string; model: string; serial_number: string };
  hierarchy: { enterprise: string; site: string; area: string; line: string; cell: string };
  state: RunState;
  components: Component[];
  sensors: Sensor[];
  active_alarms: Alarm[];
  version: number;
  desired: Record<string, Desired>;
  computed: Computed | null;
}

/** ISA-18.2. */
export type AlarmState =
  | "normal"
  | "unacknowledged"
  | "acknowledged"
  | "returned-unacknowledged"
  | "latched-unacknowledged"
  | "latched-acknowledged";
export type Suppression = "none" | "shelved" | "suppressed-by-design" | "out-of-service";

export interface Alarm {
  id: number | string;
  condition: string;
  state: AlarmState;
  suppression: Suppression;
  priority: Priority;
  severity: number;
  machine: string;
  component: string;
  sensor: string;
  message: string;
  value: number | null;
  limit: number | null;
  raised: string;
  published: string;
  cleared: string | null;
  acknowledged: string | null;
  acknowledged_by: string;
  comment: string;
  suppressed_until: string | null;
  first_out: boolean;
  consequence_of: number | string | null;
  raises: number;
  version: number;
}

/** What takes alarms out of sight: a condition, or a glob over conditions. */
export interface AlarmControl {
  id: number | string;
  kind: Exclude<Suppression, "none">;
  match: string;
  since: string | null;
  until: string | null;
  by: string;
  comment: string;
  released: boolean;
}

export interface AlarmControls {
  items: AlarmControl[];
  shelve_max_s: number;
}

export interface AlarmPerformance {
  period_s: number;
  raises: number;
  per_10min: number;
  peak_10min: number;
  flood_share: number;
  in_flood: boolean;
  active: number;
  suppressed: number;
  by_priority: Record<Priority, number>;
  bad_actors: { condition: string; raises: number; share: number }[];
  chattering: string[];
  stale: string[];
}

/** A machine, line or site over a part of the period; times in seconds, shares of one. */
export interface OeeRow {
  path: string;
  oee: number | null;
  availability: number | null;
  performance: number | null;
  quality: number | null;
  teep: number | null;
  planned_busy_s: number;
  breakdowns_s: number;
  waiting_s: number;
  setup_s: number;
  small_stops_s: number;
  reduced_speed_s: number;
  start_up_rejects_s: number;
  production_rejects_s: number;
}

export interface Oee {
  from: string;
  to: string;
  items: OeeRow[];
}

export interface DowntimeEvent {
  id: string;
  machine: string;
  path: string;
  from: string;
  to: string | null;
  stopped_s: number;
  activity: string;
  counts_as: string;
  reason: string | null;
  comment: string;
  version: number;
}

export interface Reason {
  code: string;
  name: string;
  parent: string | null;
  counts_as: string;
}

export type Resolution = "raw" | "1s" | "1m" | "1h";

export interface Bucket {
  time: string;
  count: number;
  bad_count: number;
  min: number | null;
  max: number | null;
  mean: number | null;
  first: number | null;
  last: number | null;
  sum: number | null;
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface SensorUpdate {
  path: string;
  name: string;
  value: Value;
  state_name?: string | null;
  quality: string;
  quality_code?: number;
  mean: number | null;
  min: number | null;
  max: number | null;
  time: string | null;
}

export interface MachineUpdate {
  id: string;
  state: RunState;
  state_name?: string;
  quality: QualityClass;
  active_alarms: number;
  highest_priority: Priority | null;
  sensors?: SensorUpdate[];
}

export interface ReadingsEvent {
  time: string;
  machines: MachineUpdate[];
}

export type OrderState = "proposed" | "approved" | "sent" | "in-progress" | "done" | "rejected";
export type OrderPriority = "low" | "medium" | "high" | "urgent";

export interface WorkOrder {
  id: string;
  reference: string;
  machine_id: string;
  component: string | null;
  cause: string | null;
  recommended_action: string;
  priority: OrderPriority;
  predicted_failure_date: string | null;
  lead_time_days: number;
  evidence: Record<string, unknown>;
  source: "rule" | "person";
  created_by: string;
  state: OrderState;
  version: number;
  created_at: string;
  changed_at: string;
  connector: string | null;
  erp_id: string | null;
  erp_state: string | null;
  findings: string | null;
  spare_parts: string[];
  downtime_min: number;
}

export interface OrderChange {
  version: number;
  time: string;
  who: string;
  from: OrderState;
  to: OrderState;
  note: string | null;
}

export interface OrderDelivery {
  id: string;
  connector: string;
  state: "waiting" | "delivered" | "dead" | "cancelled";
  attempts: number;
  last_error: string | null;
}

export interface WholeOrder extends WorkOrder {
  changes: OrderChange[];
  deliveries: OrderDelivery[];
}
