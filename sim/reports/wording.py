"""Words of the reports in both languages; what a measure is called is said where it is defined."""

from __future__ import annotations

from typing import Final

from engine.measures.definitions import MEASURES
from sim.reports.reading import CAPACITY, COST, LOST

LANGUAGES: Final = ("en", "zh")

TEXTS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "about": "Policy {policy} · {runs} run(s) from seed {seed} · {contacts} contacts a run · {span} · Sluice {version}",
        "all_queues": "All queues", "queue": "Queue", "shop": "Shop", "tier": "Tier", "skill": "Skill", "channel": "Channel", "pool": "Pool",
        "agent": "Agent", "one_run": "one run: no interval",
        "arrivals": "Arrivals against capacity",
        "arrivals_note": "Contacts per interval. Capacity: contacts that would fill the units of the people there, at the run's mean units × time for one (of all queues). Bands here and below: 95 % intervals.",
        "levels": "Service levels (T = {within})", "levels_note": "By the interval in which the wait began; reply rounds by the interval in which they began.",
        "waits": "Waits of the answered", "waits_note": "Time spent waiting for a person.",
        "queue_lengths": "Queue lengths", "queue_lengths_note": "Mean number waiting for a person, open offers included.",
        "occupancy": "Occupancy by pool", "occupancy_note": "Units in use ÷ (that + free units of available agents). Empty: nobody was there.",
        "shares": "Who serves: pools and bots", "shares_note": "Connections by the pool through which the agent was found; the line: contacts that a bot closed alone, of all let in.",
        "steps": "Steps that fired", "steps_note": "Times a run, by queue and step.",
        "money": "Lost sales beside staff cost", "money_note": "Expected value lost to waiting, leaving and being turned away, by the contact's arrival; pay of those signed on.",
        "worst": "Worst intervals", "worst_note": "Lowest service level of all, among intervals with at least a fifth of the mean number of contacts for people.",
        "interval": "Interval", "summary": "All measures", "summary_note": "Means of {runs} run(s) ± half-width of the 95 % interval (Student). T = {within}. 08:00–24:00: where the run has those hours.",
        "measure": "Measure", "whole": "Whole run", "definition": "Definition",
        "by_queue": "By queue", "by_shop": "By shop", "by_tier": "By tier", "by_skill": "By skill", "by_channel": "By channel", "by_agent": "By agent", "by_pool": "By pool",
        "fairness_note": "An agent of several pools counts in each. Gini: 0 when equals are treated alike; the largest of the pool's groups of equals.",
        "gini_offers": "Gini, offers", "gini_occupancy": "Gini, occupancy",
        "compared": "{b} against {a}", "compared_about": "{runs} pair(s) of runs with the same seeds: the same customers and people. A: {policy_a}; B: {policy_b}. Sluice {version}",
        "differences": "Paired differences, B − A", "differences_note": "Mean of {runs} differences, run by run, ± half-width of its 95 % interval. Better or worse is said where the interval leaves 0 out.",
        "difference": "B − A", "no_difference": "no difference seen", "better": "better", "worse": "worse", "more": "more", "less": "less",
        "run": "Run", "mean": "mean", "half_width": "± 95 %", "sheet_summary": "Summary", "sheet_intervals": "Intervals", "sheet_slices": "Slices", "sheet_pools": "Pools",
        "sheet_steps": "Steps", "sheet_worst": "Worst", "sheet_differences": "Differences", "step": "Step", "day": "Day", "from": "From", "name": "Name", "unit": "Unit",
        "dimension": "Dimension", "written": "Report: {path}", "runs_used": "Runs",
    },
    "zh": {
        "about": "策略 {policy} · 种子 {seed}，运行 {runs} 次 · 每次 {contacts} 个会话 · {span} · Sluice {version}",
        "all_queues": "全部队列", "queue": "队列", "shop": "店铺", "tier": "客户等级", "skill": "技能", "channel": "渠道", "pool": "资源池",
        "agent": "客服", "one_run": "仅一次运行，无置信区间",
        "arrivals": "到达量与接待能力",
        "arrivals_note": "每个时段的会话数。接待能力：按本次运行中一个会话平均占用的“单位×时间”，在岗人员最多能接的会话数（全部队列）。此处及以下的色带为 95% 置信区间。",
        "levels": "服务水平（T = {within}）", "levels_note": "按开始等待的时段统计；响应率按该轮开始的时段统计。",
        "waits": "已答复者的等待", "waits_note": "等待人工的时间。",
        "queue_lengths": "排队数", "queue_lengths_note": "等待人工的平均会话数，含派单未应答的。",
        "occupancy": "各资源池占用率", "occupancy_note": "占用的单位 ÷（占用的 + 可用客服的空闲单位）。空白：无人在岗。",
        "shares": "由谁接待：资源池与机器人", "shares_note": "按找到客服的资源池统计接通数；折线：机器人独自结束的会话占全部进入会话的比例。",
        "steps": "触发的步骤", "steps_note": "每次运行的触发次数，按队列和步骤。",
        "money": "损失的销售额与人力成本", "money_note": "因等待、离开和婉拒而损失的期望价值，按会话到达时段；以及在岗人员的人力成本。",
        "worst": "最差时段", "worst_note": "服务水平（全部）最低的时段；只看需人工会话数不少于平均值五分之一的时段。",
        "interval": "时段", "summary": "全部度量", "summary_note": "{runs} 次运行的均值 ± 95% 置信区间半宽（t 分布）。T = {within}。08:00–24:00：仅当运行包含这些时段。",
        "measure": "度量", "whole": "整个运行", "definition": "定义",
        "by_queue": "按队列", "by_shop": "按店铺", "by_tier": "按客户等级", "by_skill": "按技能", "by_channel": "按渠道", "by_agent": "按客服", "by_pool": "按资源池",
        "fairness_note": "属于多个资源池的客服在每个池中都计入。基尼系数：同等客服被同等对待时为 0；取该池各组同等客服中的最大值。",
        "gini_offers": "基尼（派单）", "gini_occupancy": "基尼（占用率）",
        "compared": "{b} 对比 {a}", "compared_about": "{runs} 对同种子的运行：同样的客户与客服。A：{policy_a}；B：{policy_b}。Sluice {version}",
        "differences": "成对差值 B − A", "differences_note": "逐次运行的 {runs} 个差值的均值 ± 95% 置信区间半宽。区间不含 0 时才说更好或更差。",
        "difference": "B − A", "no_difference": "未见差异", "better": "更好", "worse": "更差", "more": "更多", "less": "更少",
        "run": "运行", "mean": "均值", "half_width": "± 95%", "sheet_summary": "汇总", "sheet_intervals": "时段", "sheet_slices": "分项", "sheet_pools": "资源池",
        "sheet_steps": "步骤", "sheet_worst": "最差时段", "sheet_differences": "差值", "step": "步骤", "day": "日", "from": "起始", "name": "名称", "unit": "单位",
        "dimension": "维度", "written": "报告：{path}", "runs_used": "运行数",
    },
}  # fmt: skip

# What is no measure of engine.measures, in the same form: words, unit, which is better, definition.
_ALSO: Final[dict[str, tuple[dict[str, str], str, str, str]]] = {
    CAPACITY: (
        {"en": "capacity", "zh": "接待能力"}, "contacts", "",
        "Contacts that would fill the units of the people who were there: (units × time in use + free) ÷ the whole run's (units × time in use ÷ contacts connected).",
    ),
    LOST: (
        {"en": "lost sales", "zh": "损失的销售额"}, "money", "less",
        "Expected value lost: a contact's value × (1 − the share kept after its wait); who leaves or is turned away keeps the scenario's `abandoned` share.",
    ),
    COST: (
        {"en": "staff cost", "zh": "人力成本"}, "money", "less",
        "Hours signed on × the team's cost_per_hour.",
    ),
}  # fmt: skip


# Definitions in Chinese; the English ones are the measures' own docstrings.
_SAYS_ZH: Final[dict[str, str]] = {
    "submitted": "进入的会话（由机器人或人工接待）。",
    "to_people": "开始等待人工的会话：直接进入人工、由机器人转来，或重新打开的。",
    "answered": "人工已答复的会话（无消息的渠道：已接通）；机器人的答复不计。",
    "abandoned": "等待中离开的会话，无论是否告知、等待的是谁。",
    "sl_all": "等待不超过 T 而得到答复的 ÷ 全部等待人工的会话（已答复、放弃、未得一言而结束）。等待只计等待人工的时间，不含机器人和通话时间。",
    "sl_excl_ab_t": "等待不超过 T 而得到答复的 ÷（全部等待人工的会话 − T_short 内放弃的）。除非另设，T_short 等于 T；更晚放弃的算未达标。",
    "sl_served": "等待不超过 T 而得到答复的 ÷ 已答复的；不反映离开的人。",
    "asa_ms": "已答复者的平均等待。",
    "wait_mean_ms": "已答复者和答复前放弃者的平均等待（参考案例中的 E_W）。",
    "wait_p50_ms": "一半的已答复者等待不超过此值（误差 1% 以内）。",
    "wait_p90_ms": "九成的已答复者等待不超过此值（误差 1% 以内）。",
    "wait_p95_ms": "95% 的已答复者等待不超过此值（误差 1% 以内）。",
    "wait_p99_ms": "99% 的已答复者等待不超过此值（误差 1% 以内）。",
    "queue_length": "等待人工的会话数（含派单未应答的）的时间平均。",
    "first_reply_mean_ms": "从客户第一条未答复的消息到人工的第一条答复（没有消息：从接通起；无消息的渠道：等待时间）；已答复者的均值。",
    "first_reply_p90_ms": "九成的已答复者首次响应不超过此值（误差 1% 以内）。",
    "response_mean_ms": "人工答复的各轮的平均长度：从客户第一条未答复的消息到人工答复；自动回复不结束一轮。",
    "reply_rate": "T 内得到人工答复的轮数 ÷ 全部结束的轮数。按该轮开始的时段统计，08:00–24:00 即这些时段之和。",
    "bot_reply_mean_ms": "从进入机器人阶段到机器人第一条消息的平均时间。",
    "abandonment": "人工答复前放弃的 ÷ 全部等待人工的会话。",
    "silent_share": "未告知而离开、事后发现的 ÷ 全部放弃的。",
    "deflection": "婉拒进入（附理由和替代办法）的 ÷（婉拒的 + 进入的）。",
    "containment": "机器人独自结束的 ÷（独自结束的 + 转人工的）。",
    "bot_share": "机器人独自结束的 ÷ 进入的。",
    "reoffer_share": "上一次派单落空（拒绝、超时或撤回）后再次派出的单 ÷ 全部派单。",
    "rona_share": "超时未应答的派单 ÷ 全部派单。",
    "transfer_share": "转接（机器人转人工除外）÷ 已答复的；转两次计两次。",
    "recontact_share": "重新打开的会话（因沉默结束后客户及时回来）÷ 进入的。",
    "occupancy": "占用的单位×时间（通话、收尾、派单中）÷（该值 + 可用客服的空闲单位×时间）。",
    "concurrency": "客服手上有会话时平均同时有几个：会话×时间 ÷ 至少有一个会话的客服×时间；收尾和派单中的计入。",
    "handle_ms": "会话在手的时间（从派单到收尾结束）÷ 接通的会话；同时接待多个时每个都更久。",
    "agents": "已登录（或掉线但在宽限期内）的客服数的时间平均。",
    "not_ready_share": "未就绪（休息、派单超时）的客服×时间 ÷ 在岗的客服×时间。",
    CAPACITY: "按整个运行中一个会话平均占用的单位×时间，在岗人员的全部单位能接的会话数。",
    LOST: "期望损失的价值：会话价值 ×（1 − 等待后保留的比例）；离开或被婉拒的按场景的 abandoned 比例保留。",
    COST: "登录的小时数 × 团队的 cost_per_hour。",
}


def measure_words() -> dict[str, dict[str, object]]:
    """Name → its words, unit, what is better, and definition, as the page reads them."""
    found: dict[str, dict[str, object]] = {
        name: {
            "words": one.words,
            "unit": one.unit,
            "better": one.better,
            "says": {"en": one.says.replace("``", ""), "zh": _SAYS_ZH[name]},
        }
        for name, one in MEASURES.items()
    }
    for name, (words, unit, better, says) in _ALSO.items():
        found[name] = {"words": words, "unit": unit, "better": better, "says": {"en": says, "zh": _SAYS_ZH[name]}}
    return found


def language_of(lang: str) -> str:
    return "zh" if lang.lower().startswith("zh") else "en"
