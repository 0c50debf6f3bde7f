// Routes live in the hash, so that the server serves one page: #/, #/alarms, #/performance, #/oee, #/work-orders[/ID], #/access, #/machines/pump-1[/motor/temperature].

export type Route = { view: "plant" } | { view: "alarms" } | { view: "performance" } | { view: "oee" } | { view: "access" } | { view: "work-orders"; id: string | null } | { view: "machine"; id: string; sensor: string | null };

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function parse_route(hash: string): Route {
  const parts = hash
    .replace(/^#?\/?/, "")
    .split("/")
    .filter((part) => part !== "")
    .map(decode);
  const [view, id, ...sensor] = parts;
  if (view === "alarms" || view === "performance" || view === "oee" || view === "access") return { view };
  if (view === "work-orders") return { view, id: id ?? null };
  if (view === "machines" && id) return { view: "machine", id, sensor: sensor.length > 0 ? sensor.join("/") : null };
  return { view: "plant" };
}

export const order_href = (id: string): string => `#/work-orders/${encodeURIComponent(id)}`;

export function machine_href(id: string, sensor?: string): string {
  const tail = sensor ? `/${sensor.split("/").map(encodeURIComponent).join("/")}` : "";
  return `#/machines/${encodeURIComponent(id)}${tail}`;
}
