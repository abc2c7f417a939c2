// The eye beside a password field.
export function revealPasswords(root) {
  for (const button of root.querySelectorAll("[data-action=reveal]")) button.addEventListener("click", () => turn(button))
}

function turn(button) {
  const input = document.getElementById(button.getAttribute("aria-controls"))
  const shown = input.type === "text"
  input.type = shown ? "password" : "text"
  button.setAttribute("aria-pressed", String(!shown))
}
