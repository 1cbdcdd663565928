"""What users read: both results in both languages, and nothing a screen or mail program would obey."""

import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.builders import a_payment, payments

from orderflow.events import Payment
from orderflow.notifications.templates import Language, subject_of, text_of
from orderflow_process.text import printable

languages: st.SearchStrategy[Language] = st.sampled_from(["en", "ru"])


@pytest.mark.parametrize(
    ("language", "payment", "subject", "text"),
    [
        pytest.param(
            "en",
            a_payment(),
            "Order o1 is paid",
            "Your order o1 is paid: 10.50. Thank you!",
            id="paid, English",
        ),
        pytest.param(
            "en",
            a_payment(status="FAILED", reason="card expired"),
            "Order o1: payment declined",
            "The payment of 10.50 for your order o1 was declined: card expired.",
            id="declined, English",
        ),
        pytest.param(
            "en",
            a_payment(status="FAILED"),
            "Order o1: payment declined",
            "The payment of 10.50 for your order o1 was declined: no reason given.",
            id="declined without a reason, English",
        ),
        pytest.param(
            "ru",
            a_payment(),
            "Заказ o1 оплачен",
            "Ваш заказ o1 оплачен: 10.50. Спасибо!",
            id="paid, Russian",
        ),
        pytest.param(
            "ru",
            a_payment(status="FAILED", reason="карта просрочена"),
            "Заказ o1: платёж отклонён",
            "Платёж 10.50 по заказу o1 отклонён: карта просрочена.",
            id="declined, Russian",
        ),
        pytest.param(
            "ru",
            a_payment(status="FAILED"),
            "Заказ o1: платёж отклонён",
            "Платёж 10.50 по заказу o1 отклонён: причина не указана.",
            id="declined without a reason, Russian",
        ),
    ],
)
def test_a_user_reads(language: Language, payment: Payment, subject: str, text: str) -> None:
    assert subject_of(payment, language) == subject
    assert text_of(payment, language) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("\x1b[2J", r"\x1b[2J", id="clears the screen"),
        pytest.param("a\r\nBcc: x", r"a\r\nBcc: x", id="begins another line"),
        pytest.param("\u202egnp.exe", r"\u202egnp.exe", id="turns the direction of reading"),
        pytest.param("\x00\x7f\x9b", r"\x00\x7f\x9b", id="is not seen"),
        pytest.param("карта № 7 — ok 😀", "карта № 7 — ok 😀", id="is only foreign"),
        pytest.param("{order_id} {0} %s", "{order_id} {0} %s", id="looks like a placeholder"),
    ],
)
def test_control_characters_are_spelled_out(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert shown in text_of(a_payment(status="FAILED", reason=text), "en")


@given(payments, languages)
def test_whatever_the_reason_a_text_is_printable_and_has_an_end(payment: Payment, language: Language) -> None:
    for text in (text_of(payment, language), subject_of(payment, language)):
        assert text.isprintable()
        assert payment.order_id in text
        assert len(text) < 7_000


def test_a_reason_without_end_is_cut() -> None:
    assert len(text_of(a_payment(status="FAILED", reason="\U000e0001" * 1_000_000), "en")) < 7_000


@given(
    st.decimals(Decimal("0.01"), Decimal("9999999999.99"), places=2),
    languages,
    st.sampled_from(["SUCCESS", "FAILED"]),
)
@example(Decimal("100.00"), "ru", "FAILED")
def test_an_amount_is_read_as_it_was_charged(amount: Decimal, language: Language, status: str) -> None:
    written = [amount, amount.normalize()]
    texts = {text_of(a_payment(amount=each, status=status), language) for each in written}
    assert len(texts) == 1
    found = re.search(r"\d+\.\d\d", texts.pop())
    assert found
    assert Decimal(found[0]) == amount
