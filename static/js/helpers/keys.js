// Whether Enter breaks the line instead of sending. On a phone it does: its keyboard has no Shift+Enter worth the name. A
// keyboard is told by a mouse or trackpad beside it and by keys that say where they lie, which those on a screen do not
// (Android; some phones claim a fine pointer). Ctrl or Command with Enter sends everywhere.
export function entersLines({ ctrlKey = false, metaKey = false, code = "" } = {}, matches = query => matchMedia(query).matches) {
  if (ctrlKey || metaKey || !matches("(pointer: coarse)")) return false
  return !(code && matches("(any-pointer: fine)"))
}
