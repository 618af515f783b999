"""The two pages in a real browser: a customer, a bot, a person, and whatever goes wrong between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.browser.canned_bot import ANSWER
from tests.browser.shop import Agent, Customer, Shop


def hand_over(customer: Customer, agent: Agent, shop: Shop) -> list[str]:
    """A customer asks, the bot answers, a person is wanted and accepts; returns what was said."""
    agent.sign_in(shop.url)
    customer.come(shop.url)
    customer.write("什么时候发货？When will it leave?")
    customer.sees(ANSWER)
    customer.keep("1-bot")
    customer.write("人工")
    agent.page.wait_for_selector(".offer")
    agent.keep("2-offer")
    agent.accept()
    customer.sees_note("ann")
    return ["什么时候发货？When will it leave?", ANSWER, "人工"]


def talk(customer: Customer, agent: Agent, rounds: range) -> list[str]:
    """Each side writes and hears, so many times."""
    said = []
    for number in rounds:
        for one, other, text in ((agent, customer, f"Reply {number}"), (customer, agent, f"Question {number}")):
            one.write(text)
            other.sees(text)
            one.sees(text)
            said.append(text)
    return said


def close(customer: Customer, agent: Agent) -> None:
    agent.page.click("#close")
    customer.sees_note("Write again")


def test_a_bot_then_a_person_and_a_reload_of_both_pages_in_the_middle(
    shop: Shop, customer: Customer, agent: Agent
) -> None:
    """Each word is there once and in order, on both pages, after both were loaded again half-way."""
    said = hand_over(customer, agent, shop)
    for text in said:
        agent.sees(text)
    said += talk(customer, agent, range(1, 3))
    customer.page.reload()
    agent.page.reload()
    agent.sees("Question 2")
    customer.sees("Question 2")
    said += talk(customer, agent, range(3, 4))
    assert customer.messages() == said
    assert agent.messages() == said
    assert agent.page.locator(".message.bot .ai").count() == 1
    assert customer.page.locator(".message.bot .ai").count() == 1
    customer.keep("3-talk")
    agent.keep("3-talk")
    close(customer, agent)
    agent.page.click("#wrap")
    agent.page.wait_for_selector("#conversation", state="hidden")
    customer.keep("4-over")


def test_an_engine_killed_in_the_middle_loses_no_word_and_says_none_twice(
    shop: Shop, customer: Customer, agent: Agent
) -> None:
    """kill -9 while they talk: both pages come back by themselves, and what was written meanwhile arrives once, even
    when its page was left before."""
    said = hand_over(customer, agent, shop)
    said += talk(customer, agent, range(1, 2))
    shop.engine.kill()
    customer.page.wait_for_selector("#status[data-state=offline]")
    customer.keep("5-offline")
    customer.write("Written while it was down")
    customer.page.wait_for_selector(".pending")
    customer.page.goto("about:blank")
    shop.start()
    customer.come(shop.url)
    agent.sees("Written while it was down")
    said.append("Written while it was down")
    said += talk(customer, agent, range(2, 4))
    assert customer.messages() == said
    assert agent.messages() == said
    close(customer, agent)


def test_whatever_a_customer_writes_is_shown_as_text(shop: Shop, customer: Customer, agent: Agent) -> None:
    """HTML, scripts, turned writing and a page of text: letters on both pages, and nothing runs."""
    hand_over(customer, agent, shop)
    texts = [
        "<b>bold</b> <img src=x onerror=alert(1)> &amp;",
        "<script>document.title = 'gone'</script>",
        "javascript:alert(1) ]]> <!-- {{7*7}} ${1}",
        "长" * 4_000,
    ]
    for text in texts:
        customer.write(text)
        agent.sees(text)
        customer.sees(text)
    customer.write("photo\u202egpj.exe")
    agent.sees("photo\ufffdgpj.exe")
    for window in (customer, agent):
        assert window.page.locator("#timeline img, #timeline script, #timeline .text b").count() == 0
        assert "gone" not in window.page.title()
    agent.keep("6-odd")


def test_a_second_tab_of_the_same_agent_takes_over(
    shop: Shop, customer: Customer, agent: Agent, visit: Callable[..., Any]
) -> None:
    """The first says so and stays quiet until it is asked to go on, and then it serves and the second is quiet."""
    agent.sign_in(shop.url)
    second = visit(Agent)
    second.sign_in(shop.url)
    agent.page.wait_for_selector("#status[data-state=fenced]")
    agent.keep("7-fenced")
    agent.page.click("#way_back button")
    second.page.wait_for_selector("#status[data-state=fenced]")
    agent.page.wait_for_selector("#status[data-state=online]", state="attached")
    customer.come(shop.url)
    customer.write("人工")
    agent.accept()
    agent.sees("人工")
    assert second.messages() == []


def test_a_half_written_answer_stays_with_its_customer(shop: Shop, agent: Agent, visit: Callable[..., Any]) -> None:
    """Two customers side by side: the other one is looked at, and what was begun for the first waits for it."""
    agent.sign_in(shop.url)
    for name in ("li", "wang"):
        customer = visit(Customer)
        customer.come(shop.url, name)
        customer.write("人工")
        agent.page.wait_for_selector(".offer")
        agent.accept()
        agent.page.wait_for_selector(f"#conversations li:has-text('{name}')")
    agent.page.click("#conversations li:has-text('li') button")
    agent.page.fill("#text", "For Li alone")
    agent.page.click("#conversations li:has-text('wang') button")
    assert agent.page.input_value("#text") == ""
    agent.page.click("#conversations li:has-text('li') button")
    assert agent.page.input_value("#text") == "For Li alone"


def test_what_the_desk_adds_beside_a_conversation(
    desk: Shop, customer: Customer, agent: Agent, visit: Callable[..., Any]
) -> None:
    """A tag, a note, a reply at hand; the customer sees none but the reply, and a reload finds all of them."""
    hand_over(customer, agent, desk)
    panel = agent.page.locator("#assist")
    panel.wait_for()
    for name, text in (("tag", "urgent"), ("note", "Calls itself <b>Li</b>"), ("reply", "hi Hello, how can I help?")):
        panel.locator(f"input[name={name}]").fill(text)
        panel.locator(f"input[name={name}]").press("Enter")
        panel.locator(f"text={text.removeprefix('hi ').split(' <')[0]}").first.wait_for()
    agent.page.reload()
    panel.locator("text=Calls itself <b>Li</b>").wait_for()
    panel.locator(".chip >> text=urgent").wait_for()
    agent.keep("8-desk")
    panel.locator(".reply").click()
    agent.page.wait_for_function("document.getElementById('text').value === 'Hello, how can I help?'")
    agent.page.press("#text", "Enter")
    customer.sees("Hello, how can I help?")
    assert "Calls itself" not in customer.page.inner_text("body")


def test_a_phone_in_chinese(shop: Shop, visit: Callable[..., Any]) -> None:
    """Both pages by the browser's language, at a phone's width, without anything to push aside."""
    customer = visit(Customer, "zh-CN", 380, 720)
    agent = visit(Agent, "zh-CN", 380, 720)
    agent.sign_in(shop.url)
    agent.keep("0-list")
    customer.come(shop.url)
    customer.keep("0-hello")
    assert customer.page.inner_text("#send") == "发送"
    customer.write("包裹到哪里了？")
    customer.sees(ANSWER)
    customer.page.click("#person")
    agent.page.wait_for_selector(".offer")
    agent.keep("1-offer")
    agent.accept()
    agent.write("您好，我来为您查询。")
    customer.sees("您好，我来为您查询。")
    for window in (customer, agent):
        window.keep("2-talk")
        assert window.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
