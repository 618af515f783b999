"""What ``sluice replay`` prints, in English and Chinese."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "error": ("Error: {why}", "错误：{why}"),
    "progress": ("deciding again", "重新决策"),
    "done": (
        "{records:,} records, {commands:,} commands ({refused:,} refused) and {ticks:,} ticks: {events:,} events",
        "{records:,} 条记录，其中 {commands:,} 条命令（{refused:,} 条被拒）、{ticks:,} 次计时：共 {events:,} 个事件",
    ),
    "span": (
        "through lsn {last_lsn:,}; {hours:.2f} h, {epochs:,} starts of an engine, policies applied: {policies:,}",
        "至 lsn {last_lsn:,}；时长 {hours:.2f} 小时，引擎启动 {epochs:,} 次，应用策略 {policies:,} 次",
    ),
    "after": (
        "begun behind record {after:,}, with the state that a snapshot kept: what was before is gone",
        "自记录 {after:,} 之后开始，以快照所存状态为起点：更早的记录已不在",
    ),
    "same": ("no event differs", "事件逐一相同，无差异"),
    "differs": (
        "lsn {lsn:,} differs: {differing:,} of its events; what follows was not looked at",
        "lsn {lsn:,} 出现差异：{differing:,} 个事件不同；其后未再比较",
    ),
    "stamp": ("stamp", "时间戳"),
    "principal": ("asked by", "发起者"),
    "input": ("input", "输入"),
    "tick": ("(time passed)", "（时间流逝）"),
    "expected": ("recorded", "原记录"),
    "got": ("decided now", "现决策"),
    "failure": ("the dispatcher failed", "调度器出错"),
    "nothing": ("(nothing)", "（无）"),
    "check": ("give --check, or --policy with --out", "请给出 --check，或 --policy 与 --out"),
    "out": ("--policy: got no --out, wanted a folder for the report", "--policy：缺少 --out，需要一个放报告的文件夹"),
    "reading": ("reading the record", "读取记录"),
    "no_room": (
        "the what-if is not installed (entry point what_if of sluice.replay): install sluice again",
        "未安装 what-if（sluice.replay 的入口点 what_if）：请重新安装 sluice",
    ),
    "trimmed": (
        "the journal begins behind record {after:,}; a what-if needs it from its beginning (its archive, or a backup)",
        "日志从记录 {after:,} 之后开始；假如重演需要从头开始的日志（归档或备份）",
    ),
}  # fmt: skip


def say(key: str, lang: str, **fields: object) -> str:
    return TEXTS[key][lang.startswith("zh")].format(**fields)
