const DAY_MS = 86_400_000

// Calendar days in the viewer's time zone: 23:00 yesterday is "Yesterday" at 01:00, and a clock ahead of ours is "Today".
export function dayGroup(date, now = new Date(), locale = undefined) {
  const days = calendarDaysBetween(date, now)
  if (days <= 0) return "Today"
  if (days === 1) return "Yesterday"
  if (days < 7) return `${days} days ago`
  return date.toLocaleDateString(locale, { day: "numeric", month: "long", year: "numeric" })
}

export function calendarDaysBetween(earlier, later) {
  return Math.round((midnight(later) - midnight(earlier)) / DAY_MS)
}

// Rows keep their order; equal neighbours share a group.
export function groupByDay(rows, now = new Date(), locale = undefined) {
  const groups = []
  for (const row of rows) {
    const title = dayGroup(new Date(row.updatedAt), now, locale)
    if (groups.at(-1)?.title !== title) groups.push({ title, rows: [] })
    groups.at(-1).rows.push(row)
  }
  return groups
}

function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime()
}
