"""Forms of people and teams. Services have the last word; their errors land beside the same fields."""

from flask_wtf import FlaskForm
from wtforms import EmailField, Field, PasswordField, SelectField, StringField
from wtforms.form import BaseForm
from wtforms.validators import DataRequired, InputRequired, Length, Optional, ValidationError

from app.accounts import rules
from app.lib.errors import SignalboxError
from app.web.permissions import Role


class Form(FlaskForm):  # type: ignore[misc]
    """Base of all forms. The CSRF token is checked for the whole app, before any form is looked at."""

    class Meta:
        csrf = False

    def take_errors(self, error: SignalboxError) -> None:
        """Show what a service refused beside its field, or above the form when no field is to blame."""
        unplaced = []
        for item in error.errors:
            field = self._fields.get(item.field)
            if field is None:
                unplaced.append(item.message)
            else:
                field.errors = [*field.errors, item.message]
        if not error.errors:
            unplaced.append(error.detail)
        self.form_errors: list[str] = [*self.form_errors, *unplaced]


def strip(value: str | None) -> str | None:
    """Return text without surrounding white space; a filter for fields."""
    return value.strip() if value else value


def valid_email(_form: BaseForm, field: Field) -> None:
    """Refuse what cannot be an address; a validator for fields."""
    try:
        field.data = rules.normal_email(field.data)
    except ValueError as error:
        raise ValidationError(str(error)) from None


_PASSWORD_HINT = f"At least {rules.PASSWORD_CHARS_MIN} characters. A few words in a row are easy to remember."


def _name_field() -> StringField:
    return StringField(
        "Your name",
        filters=[strip],
        validators=[
            DataRequired("Enter your name."),
            Length(
                max=rules.USER_NAME_CHARS_MAX, message=f"Use at most {rules.USER_NAME_CHARS_MAX} characters."
            ),
        ],
    )


def _email_field(label: str = "Email address") -> EmailField:
    return EmailField(
        label, filters=[strip], validators=[DataRequired("Enter an email address."), valid_email]
    )


def _new_password_field(label: str = "Password") -> PasswordField:
    return PasswordField(label, description=_PASSWORD_HINT, validators=[InputRequired("Choose a password.")])


def _team_name_field(label: str = "Team name") -> StringField:
    return StringField(
        label,
        filters=[strip],
        validators=[
            DataRequired("Give the team a name."),
            Length(
                max=rules.TEAM_NAME_CHARS_MAX, message=f"Use at most {rules.TEAM_NAME_CHARS_MAX} characters."
            ),
        ],
    )


def _labelled(roles: tuple[Role, ...]) -> dict[str, str]:
    return {role.value: role.value.capitalize() for role in roles}


class SignInForm(Form):
    email = StringField(
        "Email address", filters=[strip], validators=[DataRequired("Enter your email address.")]
    )
    password = PasswordField(
        "Password",
        validators=[
            InputRequired("Enter your password."),
            Length(max=rules.PASSWORD_CHARS_MAX, message="No password here is as long as that."),
        ],
    )


class JoinForm(Form):
    """Sign-up through an invitation: the team is there already."""

    name = _name_field()
    email = _email_field()
    password = _new_password_field()


class SignUpForm(JoinForm):
    team_name = _team_name_field()


class ForgotPasswordForm(Form):
    email = _email_field()


class ResetPasswordForm(Form):
    password = _new_password_field("New password")


class NameForm(Form):
    name = _name_field()


class EmailForm(Form):
    email = _email_field("New email address")
    current_password = PasswordField("Your password", validators=[InputRequired("Enter your password.")])


class PasswordForm(Form):
    current_password = PasswordField("Current password", validators=[InputRequired("Enter your password.")])
    new_password = _new_password_field("New password")


class TeamForm(Form):
    name = _team_name_field()


class InviteForm(Form):
    email = EmailField(
        "Email address",
        description="The link is mailed there, and only this address can accept. Empty: whoever has the link can.",
        filters=[strip],
        validators=[Optional(), valid_email],
    )
    role = SelectField("Role")

    def offer(self, roles: tuple[Role, ...]) -> None:
        """Let the form choose among these roles."""
        self.role.choices = _labelled(roles)


class RoleForm(Form):
    role = SelectField("Role", choices=_labelled(tuple(Role)))
