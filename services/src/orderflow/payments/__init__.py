"""The Payment Service: an order is charged once and becomes PAID or DECLINED."""
