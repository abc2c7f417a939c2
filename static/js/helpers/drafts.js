// A message that comes back meets what has been written meanwhile: neither may be lost.
export function joinDrafts(...texts) {
  return texts.filter(text => text.trim()).join("\n\n")
}
