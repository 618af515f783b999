"""What ``sluice journal`` prints, in English and Chinese."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "records": ("records", "记录"),
    "records.remark": (
        "checked, lsn {first_lsn} to {last_lsn}; {commands} commands, {ticks} ticks",
        "已检查，lsn {first_lsn} 至 {last_lsn}；{commands} 条命令，{ticks} 次计时",
    ),
    "epoch": ("epoch", "代次"),
    "epoch.remark": ("starts of an engine on this store", "引擎在此存储上启动的次数"),
    "policy": ("policy", "策略"),
    "policy.remark": ("in force after the last record", "最后一条记录之后生效"),
    "open_contacts": ("open contacts", "未结会话"),
    "open_contacts.remark": ("with {open_offers} open offers", "其中 {open_offers} 个派单待应答"),
    "agents_signed_on": ("agents signed on", "在线客服"),
    "messages": ("messages with text", "有文字的消息"),
    "messages.remark": ("each found by its contact and number", "均可按会话与序号找到"),
    "answers": ("answers", "应答"),
    "answers.remark": ("kept for retries, each with its checksum", "为重试保留，逐条校验"),
    "state_hash": ("state hash", "状态摘要"),
    "state_hash.remark": ("equal for equal states", "状态相同则相同"),
    "snapshots": ("snapshots", "快照"),
    "segments": ("archive segments", "归档段"),
    "segments.remark": ("sealed, lsn {first} to {last}", "已封存，lsn {first} 至 {last}"),
    "none": ("none", "无"),
    "compared": ("compared", "已核对"),
    "unapplied": (
        "{n} archived records are older than every state that could be made: their bytes and chain were checked",
        "{n} 条归档记录早于任何可重建的状态：已检查其字节与链",
    ),
    "ok": ("ok: true", "ok: true（完好）"),
    "bad": ("ok: false, first bad lsn {lsn}", "ok: false，首个损坏的 lsn：{lsn}"),
    "unknown": ("unknown", "未知"),
    "error": ("Error: {why}", "错误：{why}"),
    "backed_up": (
        "{file}: {records} records (lsn {first} to {last}), {answers} answers, snapshots: {snapshots}; {mb} MB",
        "{file}：{records} 条记录（lsn {first} 至 {last}），{answers} 条应答，快照：{snapshots}；{mb} MB",
    ),
    "restored": (
        "{store}: {records} records (lsn {first} to {last}), {answers} answers, snapshots: {snapshots}; next epoch: {next}",
        "{store}：{records} 条记录（lsn {first} 至 {last}），{answers} 条应答，快照：{snapshots}；下一代次：{next}",
    ),
    "span": ("from stamp {first} to {last} ms", "时间戳 {first} 至 {last} 毫秒"),
    "bytes": ("bytes of records", "记录字节"),
    "bytes.remark": ("{each} a record", "每条 {each}"),
    "command": ("command", "命令"),
    "event": ("event", "事件"),
    "count": ("count", "数量"),
    "refused": ("refused", "被拒"),
    "tick": ("(time passed)", "（时间流逝）"),
}
WIDTH = 140  # where no terminal says how wide it is


def say(key: str, lang: str, **fields: object) -> str:
    return TEXTS[key][lang.startswith("zh")].format(**fields)
