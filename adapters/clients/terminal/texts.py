"""What the terminal says, in English and Chinese. Explanations have their own texts in ``engine.console``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.console.wording import Language, Words

# English first, Chinese second.
TEXTS: dict[str, tuple[str, str]] = {
    # --- chat, both sides
    "chat.hint_customer": (
        "Connected as {name}. Write your first message; /help shows the commands.",
        "已以 {name} 的身份连接。请写第一条消息；/help 查看命令。",
    ),
    "chat.waiting": ("No engine answers yet ({reason}); trying again.", "引擎尚无应答（{reason}），正在重试。"),
    "chat.lost": ("Connection lost ({reason}); trying again.", "连接中断（{reason}），正在重连。"),
    "chat.back": ("Connected again.", "已重新连接。"),
    "chat.unknown": ("No such command: {command}. /help shows them.", "没有这个命令：{command}。/help 查看命令。"),
    "chat.bye": ("Goodbye.", "再见。"),
    "chat.said": ("{who}: {text}", "{who}：{text}"),
    "chat.automatic": ("{who} (automatic): {text}", "{who}（自动）：{text}"),
    "chat.bot": ("{who} [AI]: {text}", "{who}【AI】：{text}"),
    "chat.erased": ("(erased)", "（已删除）"),
    "chat.history": ("What was said before:", "此前的对话："),
    "who.customer": ("customer", "客户"),
    "who.bot": ("bot", "机器人"),
    "who.system": ("system", "系统"),
    "who.you": ("you", "我"),
    # --- chat, customer
    "customer.help": (
        ("Text goes to the conversation. /person asks for a person, /where shows your place, /bot, /message and /callback take what is"
        " offered instead, /close ends the conversation, /quit leaves. Begin a line with // to send a line that begins with /."),
        ("直接输入文字即可对话。/person 要求人工，/where 查看排队位置，/bot、/message、/callback 选择其他方式，/close 结束对话，/quit 离开。"
        "以 // 开头可发送以 / 开头的文字。"),
    ),
    "customer.queued": ("You are in queue {queue} (contact {contact}).", "您已进入队列 {queue}（会话 {contact}）。"),
    "customer.position": ("Your position: {position}.", "您排在第 {position} 位。"),
    "customer.joined_open": ("You already have an open conversation ({contact}); it goes on.", "您有未结束的对话（{contact}），继续进行。"),
    "customer.resumed": ("You have your old place again (contact {contact}).", "已恢复您原来的位置（会话 {contact}）。"),
    "customer.deflected": (
        "We cannot take this now ({reason}). You may instead: {alternative}. {notice}",
        "现在无法接待（{reason}）。您可以改为：{alternative}。{notice}",
    ),
    "customer.joined": ("{who} joined.", "{who} 已加入对话。"),
    "customer.moved": ("You are now in queue {queue}.", "您现在在队列 {queue}。"),
    "customer.passed": ("You are passed on to queue {queue}.", "正在为您转到队列 {queue}。"),
    "customer.passed_to": ("You are passed on to {prefer}.", "正在为您转给 {prefer}。"),
    "customer.requeued": ("{who} is gone; you are in line again and keep your waiting time.", "{who} 已离开；您回到队列，等待时间保留。"),
    "customer.person": ("You are in line for a person.", "您正在等待人工。"),
    "customer.bot": ("You are in line for a bot.", "您正在等待机器人。"),
    "customer.offered": (
        "Instead of waiting you may take: {alternatives} (/bot, /message, /callback).",
        "除了等待，您还可以选择：{alternatives}（/bot、/message、/callback）。",
    ),
    "customer.promised": ("You need not wait: an answer is promised within {left}.", "您不必等待：承诺在 {left}内答复。"),
    "customer.reopened": ("Your conversation is open again (contact {contact}).", "您的对话已重新打开（会话 {contact}）。"),
    "customer.closed": ("The conversation is over ({reason}). Write again to begin a new one.", "对话已结束（{reason}）。再写消息即可开始新的对话。"),
    "customer.nothing": ("There is no conversation yet; write something.", "还没有对话，请先写消息。"),
    # --- chat, agent
    "agent.help": (
        ("Text goes to the current contact. /accept [OFFER], /decline [OFFER] [REASON], /transfer QUEUE|@AGENT [REASON],"
        " /consult QUEUE|@AGENT [REASON] asks a colleague, /join [CONTACT] helps, /leave [CONTACT] does not or no longer,"
        " /close [REASON], /wrap ends after-contact work, /contacts, /switch CONTACT, /history, /why [CONTACT],"
        " /customer [KEY], /tag TAG -TAG, /orders [CONNECTOR] [NUMBER], /note TEXT, /label TAG -TAG,"
        " /replies [FIND], /reply SHORTCUT [NAME=VALUE], /story, /search WORDS, /pause, /ready, /break [REASON], /quit signs off. Begin a line with // to send a line that begins with /."),
        ("文字发给当前会话。/accept [派单号] 接受，/decline [派单号] [原因] 拒接，/transfer 队列|@客服 [原因] 转接，"
        "/consult 队列|@客服 [原因] 请同事协助，/join [会话号] 协助，/leave [会话号] 不协助或结束协助，"
        "/close [原因] 结束，/wrap 结束话后处理，/contacts 会话列表，/switch 会话号 切换，/history 历史，/why [会话号] 解释，"
        "/customer [客户] 客户资料，/tag 标签 -标签，/orders [系统] [订单号] 订单，/note 内容 备注，/label 标签 -标签 会话标签，"
        "/replies [关键字] 常用语，/reply 快捷码 [名称=值] 发送常用语，/story 全部往来，/search 关键字 搜索，/pause 挂起，/ready 可接，/break [原因] 小休，/quit 签退。以 // 开头可发送以 / 开头的文字。"),
    ),
    "agent.on": ("Signed on as {name}.", "已签到：{name}。"),
    "agent.offer": (
        "OFFER {offer}: contact {contact}, queue {queue}, {channel}{shop}{who}, waited {waited}. /accept or /decline{left}.",
        "派单 {offer}：会话 {contact}，队列 {queue}，{channel}{shop}{who}，已等 {waited}。请{left} /accept 或 /decline。",
    ),
    "agent.within": (" within {left}", "在 {left} 内"),
    "agent.connected": ("[{contact}] connected (queue {queue}).", "[{contact}] 已接通（队列 {queue}）。"),
    "agent.current": ("Text now goes to contact {contact}.", "文字现在发给会话 {contact}。"),
    "agent.no_current": ("No contact to write to.", "没有可写的会话。"),
    "agent.no_offer": ("No open offer.", "没有待应答的派单。"),
    "agent.not_open": ("Contact {contact} is not yours.", "会话 {contact} 不是您的。"),
    "agent.expired": ("OFFER {offer} expired unanswered.", "派单 {offer} 未应答，已过期。"),
    "agent.rescinded": ("OFFER {offer} was taken back ({reason}).", "派单 {offer} 已收回（{reason}）。"),
    "agent.declined": ("OFFER {offer} declined.", "已拒接派单 {offer}。"),
    "agent.closed": ("[{contact}] closed by {by} ({reason}).", "[{contact}] 由 {by} 结束（{reason}）。"),
    "agent.passed": ("[{contact}] passed on to {to}.", "[{contact}] 已转给 {to}。"),
    "agent.gone": ("[{contact}] went back to its queue ({reason}).", "[{contact}] 已回到队列（{reason}）。"),
    "agent.wrap": ("[{contact}] after-contact work for {left} at most; /wrap ends it.", "[{contact}] 话后处理，最多 {left}；/wrap 结束。"),
    "agent.wrapped": ("[{contact}] after-contact work done.", "[{contact}] 话后处理结束。"),
    "agent.updated": ("[{contact}] now {attributes}.", "[{contact}] 现在 {attributes}。"),
    "agent.state": ("You are {state}{why}.", "您现在{state}{why}。"),
    "agent.off": ("You are signed off{why}. /ready signs you on again.", "您已离线{why}。/ready 重新签到。"),
    "agent.asked": ("[{contact}] {agent} asks for your help{left}: /join or /leave.", "[{contact}] {agent} 请您协助，请{left} /join 或 /leave。"),
    "agent.helping": ("[{contact}] you help {agent}; the customer does not see you.", "[{contact}] 您正在协助 {agent}，客户看不到您。"),
    "agent.help_over": ("[{contact}] your help is over ({why}).", "[{contact}] 您的协助已结束（{why}）。"),
    "agent.asks": ("[{contact}] {agent} is asked to help.", "[{contact}] 已请 {agent} 协助。"),
    "agent.helped": ("[{contact}] {agent} helps you.", "[{contact}] {agent} 正在协助您。"),
    "agent.helper_gone": ("[{contact}] {agent} does not help, or no longer ({why}).", "[{contact}] {agent} 未协助或不再协助（{why}）。"),
    "agent.not_asked": ("Nobody asks for your help, and you ask nobody.", "没有人请您协助，您也没有请人协助。"),
    "agent.capacity": ("Your capacity is now {capacity}.", "您的容量现在是 {capacity}。"),
    "agent.late": ("[{contact}] the customer is waiting for a reply.", "[{contact}] 客户在等回复。"),
    "agent.too_late": ("[{contact}] the reply is too late.", "[{contact}] 回复已超时。"),
    "agent.none": ("No contacts.", "没有会话。"),
    "agent.resync": ("Caught up: {contacts} contacts, {offers} open offers.", "已同步：{contacts} 个会话，{offers} 个待应答派单。"),
    # --- tables
    "col.queue": ("queue", "队列"),
    "col.waiting": ("waiting", "等待"),
    "col.longest": ("longest", "最久"),
    "col.offered": ("offered", "已派"),
    "col.connected": ("connected", "接待中"),
    "col.bot": ("bot", "机器人"),
    "col.open_agents": ("agents", "可接客服"),
    "col.submitted": ("submitted", "进线"),
    "col.answered": ("answered", "已答"),
    "col.abandoned": ("abandoned", "放弃"),
    "col.estimate": ("last waits", "队尾预计"),
    "col.offers_gini": ("offers", "派单"),
    "col.occupancy_gini": ("occupancy", "占用率"),
    "fairness.none": ("No pool has had equal agents at work yet.", "还没有资源池有同等条件的客服在岗。"),
    "fairness.read": (
        "Gini coefficients among equal agents over the last whole hour: 0.00 is all alike, 1.00 is all to one.",
        "同等条件客服之间上一整小时的基尼系数：0.00 为完全平均，1.00 为全归一人。",
    ),
    "alerts": ("Alerts since the engine started: {alerts}.", "引擎启动以来的告警：{alerts}。"),
    "col.deflected": ("deflected", "分流"),
    "col.reply_rate": ("≤ 3 min", "3 分钟内"),
    "col.closed": ("closed", "关闭"),
    "col.agent": ("agent", "客服"),
    "col.name": ("name", "姓名"),
    "col.kind": ("kind", "类型"),
    "col.team": ("team", "班组"),
    "col.pools": ("pools", "池"),
    "col.state": ("state", "状态"),
    "col.load": ("load", "占用"),
    "col.contacts": ("contacts", "会话"),
    "col.served": ("served", "已接待"),
    "col.contact": ("contact", "会话"),
    "col.customer": ("customer", "客户"),
    "col.channel": ("channel", "渠道"),
    "col.shop": ("shop", "店铺"),
    "col.tier": ("tier", "等级"),
    "col.tags": ("tags", "标签"),
    "col.segments": ("segments", "分群"),
    "col.segment": ("segment", "分群"),
    "col.title": ("title", "名称"),
    "col.rule": ("rule", "规则"),
    "col.blocked": ("blocked", "已屏蔽"),
    "col.outcome": ("outcome", "结果"),
    "records.none": ("No records.", "没有记录。"),
    "records.problem": ("No answer just now: {problem}.", "暂时查不到：{problem}。"),
    "story.contact": ("Contact {contact} (tags: {tags})", "会话 {contact}（标签：{tags}）"),
    "story.erased": ("(erased)", "（已删除）"),
    "story.note": ("note", "备注"),
    "story.more": ("There is more; ask on with --before or a greater --limit.", "还有更多；请用 --before 或更大的 --limit 继续。"),
    "search.hit": ("{contact}/{seq} {who}: {text}", "{contact}/{seq} {who}：{text}"),
    "col.shortcut": ("shortcut", "快捷码"),
    "col.text": ("text", "内容"),
    "col.stage": ("stage", "阶段"),
    "col.priority": ("priority", "优先级"),
    "col.waited": ("waited", "已等"),
    "col.age": ("age", "时长"),
    "col.messages": ("messages", "消息"),
    "col.pool": ("pool", "池"),
    "col.signed_on": ("signed on", "在线"),
    "col.available": ("available", "可接"),
    "yes": ("yes", "是"),
    "none": ("–", "–"),
    # --- ctl, top, explain, policy
    "done": ("Done (lsn {lsn}).", "完成（lsn {lsn}）。"),
    "matching": ("{count} match.", "共有 {count} 个符合条件。"),
    "bulk": ("Begun: job {job}, {count} in all.", "已开始：任务 {job}，共 {count} 个。"),
    "cut": ("Only the first {limit} are shown; --limit shows more.", "只显示前 {limit} 个；用 --limit 显示更多。"),
    "top.title": ("Sluice {url} · policy {policy}", "Sluice {url} · 策略 {policy}"),
    "top.totals": (
        ("waiting {waiting} · longest {longest} · connected {connected} · agents {available} of {signed_on} available"
        " · load {load} of {capacity}"),
        "等待 {waiting} · 最久 {longest} · 接待中 {connected} · 客服 {available}/{signed_on} 可接 · 占用 {load}/{capacity}",
    ),
    "top.counts": (
        ("since start: submitted {submitted} · answered {answered} · abandoned {abandoned} · deflected {deflected}"
        " · by bots alone {bot_contained} · mean wait {asa} · replies ≤ 3 min {reply_rate}"),
        ("启动以来：进线 {submitted} · 已答 {answered} · 放弃 {abandoned} · 分流 {deflected} · 机器人独立完成 {bot_contained}"
        " · 平均等待 {asa} · 3 分钟内回复 {reply_rate}"),
    ),
    "top.offers": (
        ("offers: made {offers_made} · accepted {offers_accepted} · declined {offers_declined} · expired"
        " {offers_expired} · taken back {offers_rescinded} · inbox {inbox_depth} · lsn {last_lsn}"),
        ("派单：发出 {offers_made} · 接受 {offers_accepted} · 拒接 {offers_declined} · 过期 {offers_expired}"
        " · 收回 {offers_rescinded} · 收件箱 {inbox_depth} · lsn {last_lsn}"),
    ),
    "top.lost": ("No connection: {reason}", "没有连接：{reason}"),
    "explain.title": ("Contact {contact}", "会话 {contact}"),
    "explain.cut": (
        "(Older records were not looked through: the story may begin earlier.)",
        "（更早的记录没有查看：经过可能更早开始。）",
    ),
    "explain.as_of": ("(State as of lsn {lsn}.)", "（lsn {lsn} 时的状态。）"),
    "explain.no_story": ("No records of this contact.", "没有这个会话的记录。"),
    "explain.raw": ("{type} (this version of the terminal has no words for it)", "{type}（这个版本的终端没有它的说法）"),
    "explain.why_not": ("Why not {agent}?", "为什么不是 {agent}？"),
    "policy.applied": ("Applied: {version} (lsn {lsn}).", "已生效：{version}（lsn {lsn}）。"),
}  # fmt: skip


# What could move the cursor, ring, retitle the window or turn the writing around.
_CONTROLS = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069]")


def clean(text: str) -> str:
    """Other people's words as text and nothing else; a further line is set in, so that it passes for none of ours."""
    return _CONTROLS.sub("\ufffd", text).replace("\n", "\n      ")


class Texts:
    """The texts of one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._column = 1 if self.language == "zh-CN" else 0
        self.words = Words(self.language)

    def say(self, key: str, **fields: object) -> str:
        return TEXTS[key][self._column].format(**fields)

    def words_for(self, names: Mapping[str, str]) -> Words:
        """The words of explanations, with agents' names."""
        return Words(self.language, names)

    def length(self, ms: int) -> str:
        return self.words.length(ms)

    def code(self, family: str, code: str) -> str:
        return self.words.code(family, code)

    def share(self, share: float) -> str:
        """0.934 → 93.4 %; negative: there is none yet."""
        return self.say("none") if share < 0 else f"{share * 100:.1f} %"
