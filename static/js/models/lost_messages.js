import { lostMessage } from "../helpers/messages.js"

// A database that fails over to a copy that lagged has lost the newest messages. The outbox remembers for a while what was
// acknowledged; what the server knows neither by its message nor by its reply is lost.
export class LostMessages {
  #api
  #outbox

  constructor({ api, outbox }) {
    this.#api = api
    this.#outbox = outbox
  }

  // Of this chat; without one, of chats that are gone themselves. `shown` are the messages that are there.
  async find(chat, shown) {
    const lost = []
    for (const entry of this.#outbox.acknowledged(chat?.id)) {
      const isShown = shown.some(({ key, id }) => key === entry.key || id === entry.userMessageId)
      if (!isShown && await this.#isGone(chat, entry)) lost.push(lostMessage(entry, { withChat: !chat }))
    }
    return lost
  }

  // A message that stands on another branch has its reply still.
  async #isGone(chat, { replyId, chatId }) {
    try {
      await (chat ? this.#api.readReply(replyId) : this.#api.readChat(chatId))
      return false
    } catch (error) {
      return error.status === 404
    }
  }
}
