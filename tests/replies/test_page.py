"""The page of a chat as the server writes it: readable without a script, each message with its role's class (S42)."""

from tests.replies.hearing import tell


def test_each_message_wears_the_class_of_its_role(alice, chat):
    tell(alice, chat, "hello there")
    page = alice.get(f"/chats/{chat}").get_data(as_text=True).partition("<template")[0]
    assert page.count('class="message message-user"') == 1
    assert page.count('class="message message-assistant"') == 1
    assert page.count(">hello there</div>") == 2
