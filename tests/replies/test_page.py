"""The page of a chat as the server writes it: readable without a script, each message with its role's class (S42)."""

import re

from tests.replies.hearing import tell

MESSAGE = re.compile(r'class="message (message-\w+)" data-message-id="[0-9a-f-]{36}"')


def test_each_message_wears_the_class_of_its_role(alice, chat):
    tell(alice, chat, "hello there")
    page = alice.get(f"/chats/{chat}").get_data(as_text=True)
    assert MESSAGE.findall(page) == ["message-user", "message-assistant"]
    assert page.count(">hello there</div>") == 2
