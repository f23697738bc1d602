"""OKX: https://www.okx.com/docs-v5/en/#error-code-rest-api."""

from __future__ import annotations

from exitplan.brokers.live.errors import ErrorTable, codes
from exitplan.brokers.protocol import RefusalReason

ERRORS = ErrorTable(
    refused={
        RefusalReason.DUPLICATE_CLIENT_ORDER_ID: codes("50071 51011 51016 51065"),
        RefusalReason.INSUFFICIENT_BALANCE: codes("51008 51119 51127 51131"),
        RefusalReason.BELOW_MIN_AMOUNT: codes("51007 51020 51100 51120"),
        RefusalReason.BELOW_MIN_NOTIONAL: ("51118",),
        RefusalReason.ABOVE_MAX_AMOUNT: codes("51004 51005 51101 51104 51202 51203 51275"),
        RefusalReason.ABOVE_MAX_NOTIONAL: codes("51185 51201"),
        RefusalReason.AMOUNT_STEP: ("51121",),
        RefusalReason.INVALID_PRICE: codes(
            "51006 51031 51116 51122 51135 51136 51137 51138 51194 51195 51204 51250 51252"
        ),
        RefusalReason.REDUCE_ONLY: codes("51023 51112 51169 51205"),
        RefusalReason.TRIGGER_SIDE: codes("51046 51047 51050 51051 51052 51053 51277 51278 51279 51280"),
        RefusalReason.NO_PRICE: ("51109",),
        RefusalReason.UNKNOWN_SYMBOL: codes("51001 51002 51012 51014 51015 51026"),
        RefusalReason.MARKET_INACTIVE: codes("51021 51022 51027 51028 51029 51030 51124"),
        RefusalReason.ORDER_CLOSED: codes("51401 51402"),
        RefusalReason.UNKNOWN_ORDER: codes("51400 51503 51509 51603"),
        RefusalReason.PERMISSION_DENIED: codes(
            "50007 50008 50009 50012 50027 50028 50030 50033 50035 50100 50101 50103 50104 50105 50106 50107 50110 "
            "50111 50113 50114 50119 50120 51009 51010 51024 51155"
        ),
        RefusalReason.UNSUPPORTED: codes("51133 51139 51403"),
        RefusalReason.RATE_LIMITED: codes("50011 50040 50061 51113"),
        RefusalReason.OTHER: codes(
            "50002 50006 50014 50015 50016 50017 50018 50019 50020 50021 50022 50023 50024 50044 50115 51000 51003 "
            "51017 51025 51102 51103 51105 51106 51107 51108 51110 51111 51115 51117 51125 51126 51128 51129 51132 "
            "51134 51162 51163 51166 51174 51182 51187 51251 51260 51261 51404"
        ),
    },
    # The venue timed out or broke inside, or finds the request too old, as it does one that is delivered twice; 51410
    # is told of an order that is being cancelled.
    unknown=codes("50001 50004 50005 50013 50026 50102 50112 51054 51149 51410 51412"),
)
