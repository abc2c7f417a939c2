import { sentenceFor } from "../helpers/sentences.js"
import { forgetPeople } from "../helpers/storage.js"

// Leaving: what the person has written goes from the browser once the server has let them go, and their other tabs close
// the conversation too. Whoever is here now finds nothing of those before them.
export class SignOut {
  #api
  #storages
  #toasts
  #channel = new BroadcastChannel("macrochat-sign-out")
  #isLeaving = false

  constructor({ form, user, api, storages, toasts }) {
    this.#api = api
    this.#storages = storages
    this.#toasts = toasts
    for (const storage of storages) forgetPeople(storage, { but: user })
    form.addEventListener("submit", event => { event.preventDefault(); this.#signOut() })
    this.#channel.onmessage = ({ data }) => { if (data === user) this.#leave() }
    this.user = user
    // What was typed while the next page was coming.
    addEventListener("pagehide", () => { if (this.#isLeaving) this.#forget() })
  }

  // The server has ended the session, by whatever way.
  done() {
    this.#channel.postMessage(this.user)
    this.#leave()
  }

  async #signOut() {
    if (this.#isLeaving) return
    try {
      await this.#api.signOut()
    } catch (error) {
      if (error.status !== 401) return this.#toasts.show(`You are still signed in. ${sentenceFor(error)}`, "error")
    }
    this.done()
  }

  #leave() {
    this.#isLeaving = true
    this.#forget()
    location.replace(this.#api.loginPage)
  }

  #forget() {
    for (const storage of this.#storages) forgetPeople(storage)
  }
}
