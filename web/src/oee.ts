// Effectiveness and downtime for people: losses, the largest first; reasons as a tree. Pure.

import type { DowntimeEvent, OeeRow, Reason } from "./types";

export interface Loss {
  label: string;
  of: "availability" | "performance" | "quality";
  seconds: number;
  share: number; // of planned busy time
  together: number; // this share and those of all larger losses
}

const LOSSES: readonly (Pick<Loss, "label" | "of"> & { member: keyof OeeRow })[] = [
  { label: "Breakdowns", of: "availability", member: "breakdowns_s" },
  { label: "Waiting", of: "availability", member: "waiting_s" },
  { label: "Setup and adjustments", of: "availability", member: "setup_s" },
  { label: "Small stops", of: "performance", member: "small_stops_s" },
  { label: "Reduced speed", of: "performance", member: "reduced_speed_s" },
  { label: "Start-up rejects", of: "quality", member: "start_up_rejects_s" },
  { label: "Production rejects", of: "quality", member: "production_rejects_s" },
];

/** What planned time was lost to, the largest first, in all of the rows together. */
export function losses_of(rows: readonly OeeRow[]): Loss[] {
  const planned = rows.reduce((sum, row) => sum + row.planned_busy_s, 0);
  const losses = LOSSES.map(({ label, of, member }) => {
    const seconds = rows.reduce((sum, row) => sum + Math.max(0, Number(row[member])), 0);
    return { label, of, seconds, share: planned > 0 ? seconds / planned : 0, together: 0 };
  }).sort((a, b) => b.seconds - a.seconds);
  let together = 0;
  for (const loss of losses) loss.together = together += loss.share;
  return losses;
}

/** "pump-1" of "acme/lyon/utilities/cooling/pumps/pump-1". */
export function last_part(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Those at the top, each with its children below it, as deep as the tree goes. */
export function reason_rows(reasons: readonly Reason[]): { reason: Reason; depth: number }[] {
  const rows: { reason: Reason; depth: number }[] = [];
  const add = (parent: string | null, depth: number): void => {
    for (const reason of reasons)
      if (reason.parent === parent) {
        rows.push({ reason, depth });
        add(reason.code, depth + 1);
      }
  };
  add(null, 0);
  return rows;
}

export function reason_name(event: DowntimeEvent, reasons: readonly Reason[]): string {
  if (event.reason === null) return "";
  return reasons.find((reason) => reason.code === event.reason)?.name ?? event.reason;
}
